import type { DType, Tensor, TensorData } from "./graph.js";

/** Elements of a shape; 1 for rank 0. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** Bytes of one element; int4 is held one code per byte. */
export const BYTES_PER_ELEMENT: Record<DType, number> = {
  float32: 4,
  int4: 1,
  int8: 1,
  uint8: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  bool: 1,
};

export function byteCount(tensor: Tensor): number {
  return elementCount(tensor.shape) * BYTES_PER_ELEMENT[tensor.dtype];
}

/** Room for `count` elements of `dtype`. */
export function allocate(dtype: DType, count: number): TensorData {
  switch (dtype) {
    case "float32":
      return new Float32Array(count);
    case "int4":
    case "int8":
      return new Int8Array(count);
    case "uint8":
    case "bool":
      return new Uint8Array(count);
    case "int16":
      return new Int16Array(count);
    case "int32":
      return new Int32Array(count);
    case "int64":
      return new BigInt64Array(count);
  }
}

/** Reorders the axes of a constant: axis i of the result is axis permutation[i] of the source. */
export function permute<T extends TensorData>(
  data: T,
  shape: readonly number[],
  permutation: readonly number[],
): { data: T; shape: number[] } {
  const strides = new Array<number>(shape.length).fill(1);
  for (let i = shape.length - 2; i >= 0; i--) strides[i] = strides[i + 1]! * shape[i + 1]!;
  const outShape = permutation.map((axis) => shape[axis]!);
  const steps = permutation.map((axis) => strides[axis]!);
  const out = data.slice() as T;
  const index = new Array<number>(outShape.length).fill(0);
  let source = 0;
  for (let i = 0; i < out.length; i++) {
    out[i] = data[source]!;
    for (let axis = outShape.length - 1; axis >= 0; axis--) {
      index[axis]! += 1;
      source += steps[axis]!;
      if (index[axis]! < outShape[axis]!) break;
      source -= steps[axis]! * outShape[axis]!;
      index[axis] = 0;
    }
  }
  return { data: out, shape: outShape };
}
