import { findTensorRanges } from "./produce/ranges.js";

/** Deterministic pairs of files for tests, vectors and benchmarks: a documented kind of change, not a real training. */

/** Numerical Recipes' linear congruential generator, as a number in [0, 1). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

export function randomBytes(length: number, seed: number): Uint8Array {
  const random = seededRandom(seed);
  return Uint8Array.from({ length }, () => Math.floor(random() * 256));
}

/**
 * A copy in which the given share of int8 codes moved by a normal step (rounded, standard deviation 1.5) and every
 * int32 bias by up to 20; of files without a known format, every byte counts as a code.
 */
export function perturbModel(base: Uint8Array, seed: number, share: number): Uint8Array {
  const random = seededRandom(seed);
  const next = base.slice();
  const view = new DataView(next.buffer);
  const found = findTensorRanges(base);
  const ranges = found.length > 0 ? found : [{ dtype: "int8", offset: 0, length: base.length } as const];
  for (const { dtype, offset, length } of ranges) {
    if (dtype === "int8") {
      for (let i = offset; i < offset + length; i++) {
        if (random() >= share) continue;
        const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
        const code = view.getInt8(i) + Math.round(1.5 * normal);
        view.setInt8(i, Math.max(-127, Math.min(127, code)));
      }
    } else if (dtype === "int32") {
      for (let i = offset; i < offset + length; i += 4) {
        view.setInt32(i, view.getInt32(i, true) + Math.round(40 * random() - 20), true);
      }
    }
  }
  return next;
}
