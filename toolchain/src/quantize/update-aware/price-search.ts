/** Prices of a bit from dear to cheap; the last keeps every gain. */
export const PRICES: readonly number[] = [...Array.from({ length: 21 }, (_, i) => 10 ** (-2 - i / 4)), 0];
/** Where the search begins, and its first stride. */
const START = 8;
const STRIDE = 2;

/**
 * Finds the dearest price that is good enough, assuming little: it strides until the verdict changes, looks between, and
 * looks once beyond, because an accuracy is a noisy measure and a single point may fail by bad luck. Gives all the places
 * in PRICES that were tried.
 */
export async function searchPrices(isGoodEnough: (place: number) => Promise<boolean>): Promise<number[]> {
  const verdicts = new Map<number, boolean>();
  const isGood = async (place: number): Promise<boolean> => {
    const known = verdicts.get(place) ?? (await isGoodEnough(place));
    verdicts.set(place, known);
    return known;
  };
  const last = PRICES.length - 1;
  let place = START;
  const direction = (await isGood(place)) ? -1 : 1;
  for (;;) {
    const next = Math.min(last, Math.max(0, place + direction * STRIDE));
    if (next === place) break;
    place = next;
    if ((await isGood(place)) !== direction < 0) break;
  }
  for (let between = dearestGood(verdicts) - 1; between >= 0 && !verdicts.has(between); between--) {
    if (!(await isGood(between))) break;
  }
  const beyond = dearestGood(verdicts) - 2;
  if (beyond >= 0 && beyond < last) await isGood(beyond);
  return [...verdicts.keys()].sort((a, b) => a - b);
}

/** What a picture of the curve needs beside the places that a search tried: some more to both sides. */
export function placesAround(tried: readonly number[]): number[] {
  const [least, most] = [Math.min(...tried), Math.max(...tried)];
  return [least - STRIDE, most + STRIDE, most + 2 * STRIDE].filter(
    (place) => place >= 0 && place < PRICES.length - 1,
  );
}

function dearestGood(verdicts: ReadonlyMap<number, boolean>): number {
  const good = [...verdicts].filter(([, isGood]) => isGood).map(([place]) => place);
  return good.length === 0 ? PRICES.length : Math.min(...good);
}

/**
 * Values as they would be if they could only rise along the list: neighbours that fall are given their mean (pool adjacent
 * violators). So a lucky point does not count for more than those around it.
 */
export function risingFit(values: readonly number[]): number[] {
  const blocks: { mean: number; size: number }[] = [];
  for (const value of values) {
    blocks.push({ mean: value, size: 1 });
    while (blocks.length > 1 && blocks.at(-2)!.mean > blocks.at(-1)!.mean) {
      const b = blocks.pop()!;
      const a = blocks.pop()!;
      const size = a.size + b.size;
      blocks.push({ mean: (a.mean * a.size + b.mean * b.size) / size, size });
    }
  }
  return blocks.flatMap(({ mean, size }) => new Array<number>(size).fill(mean));
}
