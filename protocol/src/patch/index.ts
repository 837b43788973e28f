export {
  decodePatchHeader,
  encodePatchHeader,
  PATCH_CODECS,
  PATCH_HEADER_BYTES,
  PATCH_LIMITS,
  PATCH_VERSION,
  type PatchCodec,
  type PatchHeader,
} from "./container.js";
export { applyPatch, inspectPatch, PatchDecoder, type PatchOptions } from "./decoder.js";
export { type MakePatchOptions, makeFullPatch, makeTensorPatch } from "./produce/make-patch.js";
export { findTensorRanges } from "./produce/ranges.js";
export type { TensorRange } from "./produce/tensor-range.js";
