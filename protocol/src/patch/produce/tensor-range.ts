import type { RowForm } from "../row-form.js";

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
  /** Of int8: how a row lies; left out where it holds codes alone, of one channel. */
  readonly form?: RowForm;
}
