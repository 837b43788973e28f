import {
  buildVariants,
  cyclesOf,
  type PublishedResult,
  runtimeFamily,
  runtimeRelease,
} from "./published-results.js";
import { type Effects, fitRidge } from "./ridge.js";

/** Penalties of the effects on log cycles, coarse to fine. Chosen once by their order of magnitude, not searched. */
function latencyEffects(result: PublishedResult): Effects {
  const { model, core, soc } = result;
  const family = runtimeFamily(result);
  const release = runtimeRelease(result);
  const effects = new Map<string, number>([
    ["mean", 0.0001],
    [`model ${model}`, 0.0005],
    [`core ${core}`, 0.005],
    [`part ${soc}`, 0.005],
    [`runtime ${family}`, 0.01],
    [`release ${release}`, 0.015],
    [`release ${release}, model ${model}`, 0.025],
    [`runtime ${family}, model ${model}`, 0.05],
    [`core ${core}, model ${model}`, 0.05],
    [`part ${soc}, model ${model}`, 0.1],
    [`runtime ${family}, core ${core}`, 0.15],
    [`runtime ${family}, part ${soc}`, 0.15],
  ]);
  for (const variant of buildVariants(result)) {
    effects.set(`build ${variant}`, 0.01);
    effects.set(`build ${variant}, model ${model}`, 0.05);
    effects.set(`build ${variant}, runtime ${family}`, 0.05);
  }
  return effects;
}

/** Log of the mean power: the part, and who measured with what. */
function powerEffects(result: PublishedResult): Effects {
  return new Map([
    ["mean", 0.0001],
    [`part ${result.soc}`, 0.005],
    [`core ${result.core}`, 0.005],
    [`round ${result.round}`, 0.05],
    [`submitter ${result.submitter}`, 0.05],
    [`runtime ${runtimeFamily(result)}`, 0.05],
  ]);
}

export interface Prediction {
  readonly result: PublishedResult;
  readonly group: string;
  readonly latencyMs: number;
  /** null where nothing was published to hold it against. */
  readonly energyUj: number | null;
}

/** Predicts each group of results from all others. */
export function leaveOneOut(
  results: readonly PublishedResult[],
  groupOf: (result: PublishedResult) => string,
): Prediction[] {
  const groups = new Set(results.map(groupOf));
  return [...groups].flatMap((group) => {
    const rest = results.filter((result) => groupOf(result) !== group);
    const cycles = fitRidge(
      rest.map((result) => ({ effects: latencyEffects(result), y: Math.log(cyclesOf(result)) })),
    );
    const power = fitRidge(
      rest
        .filter(({ energyUj }) => energyUj !== null)
        .map((result) => ({
          effects: powerEffects(result),
          y: Math.log(result.energyUj! / result.latencyMs),
        })),
    );
    return results
      .filter((result) => groupOf(result) === group)
      .map((result): Prediction => {
        const latencyMs = Math.exp(cycles(latencyEffects(result))) / (result.mhz * 1e3);
        const energyUj = result.energyUj === null ? null : latencyMs * Math.exp(power(powerEffects(result)));
        return { result, group, latencyMs, energyUj };
      });
  });
}

/** Relative errors of the predictions, without sign. */
export function relativeErrors(predictions: readonly Prediction[]): { latency: number[]; energy: number[] } {
  return {
    latency: predictions.map(({ result, latencyMs }) => Math.abs(latencyMs / result.latencyMs - 1)),
    energy: predictions.flatMap(({ result, energyUj }) =>
      energyUj === null ? [] : [Math.abs(energyUj / result.energyUj! - 1)],
    ),
  };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** A system as its submitter handed it in: one board, one build, one round. */
export const systemOf = ({ submitter, system, round }: PublishedResult): string =>
  `${submitter} ${system} ${round}`;

/** All submissions of one runtime release on one part: no twin of a system stays behind to copy from. */
export const releaseOnPart = (result: PublishedResult): string =>
  `${runtimeRelease(result)} on ${result.soc}`;

export const partOf = ({ soc }: PublishedResult): string => soc;

/**
 * Cycles on one part over cycles on another, from every release and model that was published on both: what a core and
 * its memory make of the same code. int8 only.
 */
export function cycleRatios(results: readonly PublishedResult[], part: string, reference: string): number[] {
  const cyclesBy = (soc: string): Map<string, number[]> => {
    const map = new Map<string, number[]>();
    for (const result of results)
      if (result.soc === soc) {
        const key = `${runtimeRelease(result)} ${result.model} ${buildVariants(result).join(" ")}`;
        map.set(key, [...(map.get(key) ?? []), cyclesOf(result)]);
      }
    return map;
  };
  const base = cyclesBy(reference);
  return [...cyclesBy(part)].flatMap(([key, cycles]) =>
    base.has(key) && !key.includes("float32") ? [median(cycles) / median(base.get(key)!)] : [],
  );
}
