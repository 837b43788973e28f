import { findOnnxRanges } from "./find-onnx.js";
import { findTfliteRanges } from "./find-tflite.js";

/**
 * Where typed data lie in a model file. Only the producer looks for them: a range that is overlooked or wrong costs
 * bytes, never correctness, because the result is reproduced byte for byte either way.
 */
export interface TensorRange {
  /** Pairs a range with the same one in the other file; empty when the file gives none. */
  readonly name: string;
  readonly dtype: "int8" | "float32" | "int32";
  /** Bytes from the start of the file. */
  readonly offset: number;
  readonly length: number;
  /** Bytes between two output channels; `length` when there are none. Divides `length`. */
  readonly rowLength: number;
}

/** Ranges of .onnx and .tflite files in ascending order without overlap; none for other bytes. Never throws. */
export function findTensorRanges(bytes: Uint8Array): TensorRange[] {
  const found = findTfliteRanges(bytes) ?? findOnnxRanges(bytes) ?? [];
  const ranges: TensorRange[] = [];
  let end = 0;
  for (const range of found.sort((a, b) => a.offset - b.offset)) {
    if (range.offset < end || range.length === 0) continue;
    ranges.push(range);
    end = range.offset + range.length;
  }
  return ranges;
}
