export { type Dataset, type DatasetOptions, halves, spread, subset } from "./dataset.js";
export { fitToInput } from "./fit.js";
export type { NpyArray } from "./npy.js";
export { encodeNpz, writeNpz } from "./npz.js";
export { openDataset } from "./open.js";
export { openSlices, type SliceColumn } from "./slices.js";
