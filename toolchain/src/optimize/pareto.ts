/** What a candidate is judged by; all but accuracy are the less the better. */
export interface Objectives {
  readonly accuracy: number;
  readonly latencyUs: number;
  readonly ramBytes: number;
  readonly flashBytes: number;
  /** null where the target's sheet states no power; it is then left out. */
  readonly energyUj: number | null;
}

/** Those that no other candidate beats in one objective without losing in another; of equals the first. */
export function paretoFront<T extends Objectives>(candidates: readonly T[]): T[] {
  return candidates.filter(
    (candidate, index) =>
      !candidates.some(
        (other, place) =>
          other !== candidate && (dominates(other, candidate) || (place < index && equal(other, candidate))),
      ),
  );
}

function losses(objectives: Objectives): number[] {
  const { accuracy, latencyUs, ramBytes, flashBytes, energyUj } = objectives;
  return [-accuracy, latencyUs, ramBytes, flashBytes, energyUj ?? 0];
}

function dominates(a: Objectives, b: Objectives): boolean {
  const [left, right] = [losses(a), losses(b)];
  return left.every((loss, i) => loss <= right[i]!) && left.some((loss, i) => loss < right[i]!);
}

function equal(a: Objectives, b: Objectives): boolean {
  const right = losses(b);
  return losses(a).every((loss, i) => loss === right[i]);
}
