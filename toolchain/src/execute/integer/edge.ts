import { DataError } from "../../errors.js";
import type { Graph, Tensor, TensorData } from "../../graph/graph.js";
import { dequantizeValues, quantizeValues } from "./convert.js";
import { affine, codeRange, elementCount, type NumberData } from "./kernel.js";

/** Where real numbers enter a quantized graph: round half away from zero, saturate. Row-major in the input's shape. */
export function quantizeInput(tensor: Tensor, values: ArrayLike<number>): NumberData {
  const length = elementCount(tensor.shape);
  if (values.length !== length) {
    throw new DataError({
      expected: `${length} values [${tensor.shape.join(", ")}] for input "${tensor.name}"`,
      got: `${values.length}`,
      todo: "Resize the data to the model's input.",
    });
  }
  if (tensor.dtype === "float32") return Float32Array.from(values);
  const codes =
    tensor.dtype === "int16"
      ? new Int16Array(length)
      : tensor.dtype === "uint8"
        ? new Uint8Array(length)
        : new Int8Array(length);
  quantizeValues(values, codes, affine(tensor), codeRange(tensor));
  return codes;
}

/** Where they leave it: float32(scale * (code - zeroPoint)). */
export function dequantizeOutput(tensor: Tensor, codes: TensorData): Float32Array {
  if (codes instanceof Float32Array) return codes;
  const reals = new Float32Array(codes.length);
  const numbers = codes instanceof BigInt64Array ? Float64Array.from(codes, Number) : codes;
  if (tensor.quantization === undefined) return Float32Array.from(numbers);
  dequantizeValues(numbers, reals, affine(tensor));
  return reals;
}

/** A quantized graph takes and gives integers; a float graph does not. */
export function isQuantized(graph: Graph): boolean {
  return graph.inputs.every((name) => graph.tensors.get(name)?.quantization !== undefined);
}
