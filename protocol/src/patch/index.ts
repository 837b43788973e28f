export {
  decodePatchHeader,
  encodePatchHeader,
  PATCH_CODECS,
  PATCH_DIGEST_BYTES,
  PATCH_HEADER_MAX_BYTES,
  PATCH_LIMITS,
  PATCH_VERSION,
  type PatchCodec,
  type PatchHeader,
  patchHeaderLength,
} from "./container.js";
export { applyPatch, inspectPatch, PatchDecoder, type PatchOptions } from "./decoder.js";
export {
  checkParamsLayout,
  PARAMS_LAYOUT_FILE,
  PARAMS_LAYOUT_MAX_BYTES,
  PARAMS_LAYOUT_SCHEMA,
  ParamsLayout,
  ParamsRange,
  parseParamsLayout,
} from "./params-layout.js";
export { architectureOf } from "./produce/find-params.js";
export { type MakePatchOptions, makeFullPatch, makeTensorPatch } from "./produce/make-patch.js";
export { findTensorRanges } from "./produce/ranges.js";
export type { TensorRange } from "./produce/tensor-range.js";
export {
  encodeForm,
  laneAt,
  PLAIN_FORM,
  type RowForm,
  wordsBefore,
  wordsBehind,
  wordsOf,
} from "./row-form.js";
