/**
 * The one intermediate form. Readers (formats/) settle every layout at the door, so that below it:
 * activations are N…C (NHWC, NWC, NC), convolution weights are [out, kh, kw, in/groups], depthwise weights
 * [1, kh, kw, out], fully-connected weights [out, in]. 1-D convolutions are 2-D ones with height 1.
 * Operators stand in an order in which they can run.
 *
 * Integer graphs come in two schemes, told by the dtype of their activations:
 * - int8: activations int8 with any zero point; weights int8 (or int4), zero point 0, one scale or one per output channel
 *   (axis 0; depthwise 3); bias int32 at scale s_in * s_w[c], zero point 0.
 * - int16x8: activations int16, always zero point 0; weights as above; bias int64 at the same scale (int32 is read too and
 *   accumulates in 32 bits, as TensorFlow Lite does). softmax, sigmoid and tanh give scale 1/32768.
 * Operators that only move codes (reshape, transpose, slice, pad, pools, maximum, ...) keep scale and zero point.
 */

export type DType = "float32" | "int4" | "int8" | "uint8" | "int16" | "int32" | "int64" | "bool";

export type TensorData = Float32Array | Int8Array | Uint8Array | Int16Array | Int32Array | BigInt64Array;

/** real = scale[c] * (code - zeroPoint[c]); one entry per tensor, or one per index along `axis`. */
export interface Quantization {
  readonly scale: Float32Array;
  readonly zeroPoint: Int32Array;
  readonly axis: number | null;
}

export interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** Present for constants. Row-major. int4 is held one code per byte. */
  readonly data?: TensorData;
  readonly quantization?: Quantization;
}

export type Activation = "none" | "relu" | "relu6" | "relu-1-1";

/** Explicit padding in elements, top/bottom/left/right. SAME and VALID are resolved by the readers. */
export interface Padding {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

export interface Window2d {
  readonly strideH: number;
  readonly strideW: number;
  readonly padding: Padding;
}

interface Attributes {
  /** inputs: activation, weights, bias? */
  conv2d: Window2d & { dilationH: number; dilationW: number; groups: number; activation: Activation };
  depthwiseConv2d: Window2d & {
    dilationH: number;
    dilationW: number;
    multiplier: number;
    activation: Activation;
  };
  transposeConv2d: Window2d & {
    dilationH: number;
    dilationW: number;
    groups: number;
    outputPaddingH: number;
    outputPaddingW: number;
    activation: Activation;
  };
  /** inputs: activation, weights [out, in], bias? */
  fullyConnected: { activation: Activation; keepDims: boolean };
  matMul: { transposeA: boolean; transposeB: boolean };
  maxPool2d: Window2d & { kernelH: number; kernelW: number; activation: Activation };
  averagePool2d: Window2d & {
    kernelH: number;
    kernelW: number;
    activation: Activation;
    /** ONNX count_include_pad; TFLite never does. */
    countIncludePad: boolean;
  };
  add: { activation: Activation };
  sub: { activation: Activation };
  mul: { activation: Activation };
  div: { activation: Activation };
  minimum: object;
  maximum: object;
  pow: object;
  relu: object;
  relu6: object;
  leakyRelu: { alpha: number };
  /** inputs: activation, slope */
  prelu: object;
  elu: { alpha: number };
  selu: { alpha: number; gamma: number };
  gelu: { approximate: boolean };
  hardSwish: object;
  hardSigmoid: { alpha: number; beta: number };
  sigmoid: object;
  tanh: object;
  softplus: object;
  softsign: object;
  exp: object;
  log: object;
  sqrt: object;
  rsqrt: object;
  abs: object;
  neg: object;
  floor: object;
  ceil: object;
  erf: object;
  sin: object;
  cos: object;
  clip: { min: number; max: number };
  softmax: { axis: number; beta: number };
  logSoftmax: { axis: number };
  /** inputs: activation, scale, shift, mean, variance; over the last axis */
  batchNorm: { epsilon: number };
  /** inputs: activation, scale, shift?; over axes [axis, rank) */
  layerNorm: { axis: number; epsilon: number };
  mean: { axes: readonly number[]; keepDims: boolean };
  sum: { axes: readonly number[]; keepDims: boolean };
  reduceMax: { axes: readonly number[]; keepDims: boolean };
  reduceMin: { axes: readonly number[]; keepDims: boolean };
  argMax: { axis: number; keepDims: boolean };
  argMin: { axis: number; keepDims: boolean };
  concat: { axis: number; activation: Activation };
  split: { axis: number; sizes: readonly number[] };
  slice: { begin: readonly number[]; size: readonly number[]; strides: readonly number[] };
  pad: {
    before: readonly number[];
    after: readonly number[];
    mode: "constant" | "reflect" | "edge";
    value: number;
  };
  reshape: { shape: readonly number[] };
  transpose: { permutation: readonly number[] };
  resizeNearest: { height: number; width: number; alignCorners: boolean; halfPixelCenters: boolean };
  resizeBilinear: { height: number; width: number; alignCorners: boolean; halfPixelCenters: boolean };
  /** inputs: table, indices */
  gather: { axis: number };
  expand: { shape: readonly number[] };
  tile: { repeats: readonly number[] };
  cast: { to: DType };
  /**
   * As ONNX has them: x [steps, batch, in], w [directions, gates * hidden, in], r [directions, gates * hidden, hidden],
   * bias? [directions, 2 * gates * hidden], initial hidden state? [directions, batch, hidden] (lstm: and cell state?).
   * Outputs: the sequence [steps, directions, batch, hidden], the last hidden state, lstm: the last cell state. Gates:
   * i o f c; z r h. In integers: w and r int8 with one scale per row (axis 1) or in all, bias int32 at s_x * s_w, then
   * s_h * s_r; an lstm's cell state int16 at a power of two, told by its initial value (docs/integers.md).
   */
  lstm: { hiddenSize: number; direction: "forward" | "reverse" | "bidirectional" };
  gru: { hiddenSize: number; direction: "forward" | "reverse" | "bidirectional"; linearBeforeReset: boolean };
  rnn: {
    hiddenSize: number;
    direction: "forward" | "reverse" | "bidirectional";
    activation: "tanh" | "relu";
  };
  /**
   * One step of a stream: inputs x [batch, in], feature weights [rank * units, in], time weights [rank * units, memory],
   * bias? [units], state [batch, rank * units * memory], a constant that holds what the state begins with. The state
   * lasts from run to run.
   */
  svdf: { rank: number; activation: Activation };
  quantize: object;
  dequantize: object;
  requantize: object;
}

export type OperatorKind = keyof Attributes;

export type Operator = {
  [K in OperatorKind]: {
    readonly kind: K;
    readonly name: string;
    /** Tensor names; "" where an optional input is absent. */
    readonly inputs: readonly string[];
    readonly outputs: readonly string[];
    readonly attributes: Readonly<Attributes[K]>;
  };
}[OperatorKind];

export type OperatorOf<K extends OperatorKind> = Extract<Operator, { kind: K }>;

export interface Graph {
  readonly name: string;
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly operators: readonly Operator[];
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /**
   * For inputs and outputs that the model's file lays out otherwise: which of the file's axes each axis of the tensor
   * holds; -1 is an axis of length 1 that the file does not have. Where none is named, a tensor of rank 4 is
   * [N, C, H, W] in the file and all others are as they are.
   */
  readonly fileOrder?: ReadonlyMap<string, readonly number[]>;
}
