import type { ParamsLayout } from "../params-layout.js";
import { findOnnxRanges } from "./find-onnx.js";
import { findParamsRanges } from "./find-params.js";
import { findTfliteRanges } from "./find-tflite.js";
import type { TensorRange } from "./tensor-range.js";

/**
 * Ranges of .onnx and .tflite files, and of a params.bin whose layout is among those given, in ascending order without
 * overlap; none for other bytes. Never throws.
 */
export function findTensorRanges(bytes: Uint8Array, layouts: readonly ParamsLayout[] = []): TensorRange[] {
  const found = findParamsRanges(bytes, layouts) ?? findTfliteRanges(bytes) ?? findOnnxRanges(bytes) ?? [];
  const ranges: TensorRange[] = [];
  let end = 0;
  for (const range of found.sort((a, b) => a.offset - b.offset)) {
    if (range.offset < end || range.length === 0) continue;
    ranges.push(range);
    end = range.offset + range.length;
  }
  return ranges;
}
