import { GraphError, UnsupportedError } from "../../errors.js";
import type {
  Activation,
  Operator,
  OperatorKind,
  OperatorOf,
  Tensor,
  TensorData,
} from "../../graph/graph.js";
import { clamp, type Rounding, roundAwayFromZero } from "./fixed-point.js";

/** Every array whose elements are plain numbers; int64 constants are converted when a kernel asks for them. */
export type NumberData = Exclude<TensorData, BigInt64Array>;

/** What a kernel may know before it runs. Buffers stay the same arrays from run to run. */
export interface KernelContext {
  readonly rounding: Rounding;
  tensor(name: string): Tensor;
  buffer(name: string): NumberData;
  /** A copy of a constant that the kernel changes from run to run; a reset of the model restores it. */
  state(name: string): NumberData;
  /** A constant as exact doubles, whatever its dtype; null where the optional input is absent. */
  constant(name: string | undefined): Float64Array | null;
}

/** Does everything that depends on the model only, and returns what is left to do for each input. */
export type PrepareKernel<K extends OperatorKind> = (
  operator: OperatorOf<K>,
  context: KernelContext,
) => () => void;

export type KernelTable = { readonly [K in OperatorKind]?: PrepareKernel<K> };

export interface Affine {
  readonly scale: number;
  readonly zeroPoint: number;
}

/** The per-tensor quantization that an integer kernel needs of an activation. */
export function affine(tensor: Tensor): Affine {
  const q = tensor.quantization;
  if (q === undefined || q.scale.length !== 1) {
    throw new GraphError({
      expected: `one scale and one zero point for tensor "${tensor.name}"`,
      got: q === undefined ? "none" : `${q.scale.length}`,
      todo: "Quantize the model first (mote quantize).",
    });
  }
  return { scale: q.scale[0]!, zeroPoint: q.zeroPoint[0]! };
}

export function sameAffine(a: Tensor, b: Tensor): boolean {
  const [p, q] = [affine(a), affine(b)];
  return p.scale === q.scale && p.zeroPoint === q.zeroPoint;
}

/** Least and greatest code of an integer dtype. */
export function codeRange(tensor: Tensor): { min: number; max: number } {
  switch (tensor.dtype) {
    case "int4":
      return { min: -8, max: 7 };
    case "int8":
      return { min: -128, max: 127 };
    case "uint8":
      return { min: 0, max: 255 };
    case "int16":
      return { min: -32768, max: 32767 };
    case "int32":
      return { min: -0x80000000, max: 0x7fffffff };
    default:
      throw new UnsupportedError({
        expected: "an integer tensor of at most 32 bits",
        got: `"${tensor.name}" of ${tensor.dtype}`,
        todo: "Quantize the model, or run it in floating point.",
      });
  }
}

/** Saturates a code to the tensor's dtype. */
export function clampTo(tensor: Tensor): (code: number) => number {
  const { min, max } = codeRange(tensor);
  return (code) => clamp(code, min, max);
}

/** Code of a real number: TFLite's float division, rounding away from zero, not yet clamped. */
export function codeOf(real: number, { scale, zeroPoint }: Affine): number {
  return zeroPoint + roundAwayFromZero(Math.fround(real / scale));
}

/** CalculateActivationRangeQuantized: the codes that a fused activation lets through. */
export function activationRange(output: Tensor, activation: Activation): { min: number; max: number } {
  const { min, max } = codeRange(output);
  if (activation === "none") return { min, max };
  const quantization = affine(output);
  const low = activation === "relu-1-1" ? -1 : 0;
  const high = activation === "relu" ? null : activation === "relu6" ? 6 : 1;
  return {
    min: clamp(codeOf(low, quantization), min, max),
    max: high === null ? max : clamp(codeOf(high, quantization), min, max),
  };
}

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

export function strides(shape: readonly number[]): number[] {
  const result = new Array<number>(shape.length);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    result[i] = step;
    step *= shape[i]!;
  }
  return result;
}

/** A constant input as real numbers, whether the graph holds it in float or in codes; null where it is absent. */
export function realConstant(
  operator: Operator,
  place: number,
  count: number,
  context: KernelContext,
): Float64Array | null {
  const name = operator.inputs[place] ?? "";
  if (name === "") return null;
  const values = context.constant(name);
  if (values === null || values.length !== count) {
    throw new UnsupportedError({
      expected: `${count} constants for input ${place} of ${operator.kind} "${operator.name}"`,
      got: values === null ? `"${name}", which is computed` : String(values.length),
      todo: "Export the model with constant parameters, or keep this operator in floating point.",
    });
  }
  const tensor = context.tensor(name);
  if (tensor.quantization === undefined) return values;
  const { scale, zeroPoint } = affine(tensor);
  return values.map((code) => scale * (code - zeroPoint));
}

/** An NHWC shape; lower ranks get leading ones. */
export function nhwc(tensor: Tensor): { batch: number; height: number; width: number; channels: number } {
  const shape = [1, 1, 1, 1, ...tensor.shape].slice(-4);
  if (tensor.shape.length > 4) {
    throw new GraphError({
      expected: `at most 4 dimensions for tensor "${tensor.name}"`,
      got: `[${tensor.shape.join(", ")}]`,
      todo: "Only 1-D and 2-D spatial operators are supported.",
    });
  }
  return { batch: shape[0]!, height: shape[1]!, width: shape[2]!, channels: shape[3]! };
}

/** The name of an input that must be there. */
export function input(operator: Operator, index: number): string {
  const name = operator.inputs[index];
  if (name === undefined || name === "") {
    throw new GraphError({
      expected: `input ${index} of ${operator.kind} "${operator.name}"`,
      got: "none",
      todo: "The model file is damaged or its reader has a fault.",
    });
  }
  return name;
}

export function output(operator: Operator): string {
  const name = operator.outputs[0];
  if (name === undefined) {
    throw new GraphError({
      expected: `an output of ${operator.kind} "${operator.name}"`,
      got: "none",
      todo: "The model file is damaged or its reader has a fault.",
    });
  }
  return name;
}
