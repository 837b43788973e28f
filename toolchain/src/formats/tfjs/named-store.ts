import { ofLayer } from "../keras/stores.js";
import type { NamedArray, WeightStore } from "../keras/weights.js";

/** Weights in one list for the whole model, each named after its layer: "dense_1/kernel". */
export function namedStore(arrays: readonly NamedArray[]): WeightStore {
  return {
    arraysOf({ names }) {
      const layer = names.at(-1)!;
      const own = arrays.filter(({ name }) => name.startsWith(`${layer}/`));
      return own.length > 0 ? own : ofLayer(arrays, [...names.slice(0, -1), "", layer]);
    },
  };
}
