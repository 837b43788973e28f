import type { Activation, DType } from "../../graph/graph.js";

/** The part of TensorFlow Lite's schema (version 3, identifier TFL3) that Mote reads and writes: numbers of the format. */

export const SCHEMA_VERSION = 3;
export const FILE_IDENTIFIER = "TFL3";

/** Place of each field in its table. */
export const FIELD = {
  model: { version: 0, operatorCodes: 1, subgraphs: 2, description: 3, buffers: 4 },
  operatorCode: { deprecatedBuiltinCode: 0, customCode: 1, version: 2, builtinCode: 3 },
  subgraph: { tensors: 0, inputs: 1, outputs: 2, operators: 3, name: 4 },
  tensor: { shape: 0, type: 1, buffer: 2, name: 3, quantization: 4, isVariable: 5, sparsity: 6 },
  quantization: { scale: 2, zeroPoint: 3, quantizedDimension: 6 },
  operator: { opcodeIndex: 0, inputs: 1, outputs: 2, optionsType: 3, options: 4, intermediates: 8 },
  buffer: { data: 0, offset: 1, size: 2 },
} as const;

/** TensorType codes that have a dtype of ours. Float16 constants are brought to float32 on reading. */
export const TENSOR_TYPE: Partial<Record<DType, number>> = {
  float32: 0,
  int32: 2,
  uint8: 3,
  int64: 4,
  bool: 6,
  int16: 7,
  int8: 9,
  int4: 17,
};
export const FLOAT16 = 1;

/** ActivationFunctionType, by its code. */
export const ACTIVATIONS: readonly Activation[] = ["none", "relu", "relu-1-1", "relu6"];

export const PADDING_SAME = 0;
export const PADDING_VALID = 1;

/** BuiltinOperator codes. */
export const BUILTIN = {
  ADD: 0,
  AVERAGE_POOL_2D: 1,
  CONCATENATION: 2,
  CONV_2D: 3,
  DEPTHWISE_CONV_2D: 4,
  DEPTH_TO_SPACE: 5,
  DEQUANTIZE: 6,
  FLOOR: 8,
  FULLY_CONNECTED: 9,
  L2_NORMALIZATION: 11,
  LOGISTIC: 14,
  LSTM: 16,
  MAX_POOL_2D: 17,
  MUL: 18,
  RELU: 19,
  RELU_N1_TO_1: 20,
  RELU6: 21,
  RESHAPE: 22,
  RESIZE_BILINEAR: 23,
  RNN: 24,
  SOFTMAX: 25,
  SPACE_TO_DEPTH: 26,
  SVDF: 27,
  TANH: 28,
  CUSTOM: 32,
  PAD: 34,
  UNIDIRECTIONAL_SEQUENCE_RNN: 35,
  GATHER: 36,
  TRANSPOSE: 39,
  MEAN: 40,
  SUB: 41,
  DIV: 42,
  SQUEEZE: 43,
  UNIDIRECTIONAL_SEQUENCE_LSTM: 44,
  STRIDED_SLICE: 45,
  EXP: 47,
  SPLIT: 49,
  LOG_SOFTMAX: 50,
  CAST: 53,
  PRELU: 54,
  MAXIMUM: 55,
  ARG_MAX: 56,
  MINIMUM: 57,
  NEG: 59,
  PADV2: 60,
  SLICE: 65,
  SIN: 66,
  TRANSPOSE_CONV: 67,
  TILE: 69,
  EXPAND_DIMS: 70,
  LOG: 73,
  SUM: 74,
  SQRT: 75,
  RSQRT: 76,
  SHAPE: 77,
  POW: 78,
  ARG_MIN: 79,
  REDUCE_MAX: 82,
  PACK: 83,
  UNPACK: 88,
  REDUCE_MIN: 89,
  SQUARE: 92,
  RESIZE_NEAREST_NEIGHBOR: 97,
  LEAKY_RELU: 98,
  SQUARED_DIFFERENCE: 99,
  MIRROR_PAD: 100,
  ABS: 101,
  SPLIT_V: 102,
  CEIL: 104,
  COS: 108,
  ELU: 111,
  QUANTIZE: 114,
  HARD_SWISH: 117,
  BATCH_MATMUL: 126,
  BROADCAST_TO: 130,
  GELU: 150,
} as const;
export type BuiltinName = keyof typeof BUILTIN;

/** Codes up to this one stand in the old field of 8 bits too. */
export const LAST_DEPRECATED_BUILTIN = 127;

const NAMES = new Map<number, BuiltinName>(
  Object.entries(BUILTIN).map(([name, code]) => [code, name as BuiltinName]),
);

/** The operator's name; undefined where Mote has no use for it. */
export function builtinName(code: number): BuiltinName | undefined {
  return NAMES.get(code);
}
