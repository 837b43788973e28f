import { Builder, type Offset } from "flatbuffers";
import { UnsupportedError } from "../../errors.js";
import type { Graph, Tensor } from "../../graph/graph.js";
import { validateGraph } from "../../graph/validate.js";
import {
  BUILTIN,
  type BuiltinName,
  FIELD,
  FILE_IDENTIFIER,
  LAST_DEPRECATED_BUILTIN,
  SCHEMA_VERSION,
  TENSOR_TYPE,
} from "./schema.js";
import { formOf } from "./write-operators.js";
import { type FormContext, type TfliteForm, writeOptions } from "./writer/form.js";

/** Interpreters map constants where they lie in the file. */
const BUFFER_ALIGNMENT = 16;

interface WrittenOperator {
  readonly form: TfliteForm;
  readonly outputs: readonly string[];
}

/**
 * Writes a float32, int8 or int16x8 graph as a TensorFlow Lite model. Throws UnsupportedError naming the operator that the
 * format has no word for.
 */
export function writeTflite(graph: Graph): Uint8Array {
  validateGraph(graph);
  const tensors = new Map(graph.tensors);
  const operators: WrittenOperator[] = [];
  const variables = new Set<string>();
  const context = contextOf(graph, tensors, operators, variables);
  for (const operator of graph.operators) {
    const form = formOf(operator, context);
    operators.push({ form, outputs: form.outputs ?? operator.outputs });
  }
  return encode(graph, onlyUsed(graph, tensors, operators), operators, variables);
}

function contextOf(
  graph: Graph,
  tensors: Map<string, Tensor>,
  operators: WrittenOperator[],
  variables: Set<string>,
): FormContext {
  const fresh = (wanted: string): string => {
    let name = wanted;
    for (let n = 2; tensors.has(name); n++) name = `${wanted}_${n}`;
    return name;
  };
  const constant = (tensor: Tensor): string => {
    const name = fresh(tensor.name);
    tensors.set(name, { ...tensor, name });
    return name;
  };
  return {
    graph,
    tensor: (name) => tensors.get(name)!,
    constant,
    integers: (name, values) =>
      constant({ name, shape: [values.length], dtype: "int32", data: Int32Array.from(values) }),
    variable({ data: _initial, ...tensor }) {
      const name = constant({ ...tensor, name: `${tensor.name}/variable` });
      variables.add(name);
      return name;
    },
    also(form, outputs) {
      operators.push({ form, outputs });
    },
    before(form, { data: _constant, ...like }, shape) {
      const name = fresh(`${like.name}/before`);
      tensors.set(name, { ...like, name, shape });
      operators.push({ form, outputs: [name] });
      return name;
    },
  };
}

function onlyUsed(
  graph: Graph,
  tensors: ReadonlyMap<string, Tensor>,
  operators: readonly WrittenOperator[],
): Tensor[] {
  const used = new Set([
    ...graph.inputs,
    ...graph.outputs,
    ...operators.flatMap(({ form, outputs }) => [...form.inputs, ...(form.intermediates ?? []), ...outputs]),
  ]);
  return [...tensors.values()].filter(({ name }) => used.has(name));
}

function encode(
  graph: Graph,
  tensors: readonly Tensor[],
  operators: readonly WrittenOperator[],
  variables: ReadonlySet<string>,
): Uint8Array {
  const builder = new Builder(65536);
  const indices = new Map(tensors.map(({ name }, i) => [name, i]));
  const index = (name: string): number => (name === "" ? -1 : indices.get(name)!);
  // Buffer 0 is empty by convention.
  const buffers = [bufferTable(builder, null)];
  const tensorTables = tensors.map((tensor) => {
    let buffer = 0;
    if (tensor.data !== undefined) {
      buffer = buffers.length;
      buffers.push(bufferTable(builder, bytesOf(tensor)));
    }
    return tensorTable(builder, tensor, buffer, variables.has(tensor.name));
  });
  const types = [...new Set(operators.map(({ form }) => form.type))];
  const operatorTables = operators.map(({ form, outputs }) => {
    const options = writeOptions(builder, form.options);
    const inputs = int32s(builder, form.inputs.map(index));
    const results = int32s(builder, outputs.map(index));
    const inner = form.intermediates === undefined ? 0 : int32s(builder, form.intermediates.map(index));
    builder.startObject(FIELD.operator.intermediates + 1);
    builder.addFieldInt32(FIELD.operator.opcodeIndex, types.indexOf(form.type), 0);
    builder.addFieldOffset(FIELD.operator.inputs, inputs, 0);
    builder.addFieldOffset(FIELD.operator.outputs, results, 0);
    builder.addFieldInt8(FIELD.operator.optionsType, form.options[0], 0);
    builder.addFieldOffset(FIELD.operator.options, options, 0);
    builder.addFieldOffset(FIELD.operator.intermediates, inner, 0);
    return builder.endObject();
  });
  const subgraph = subgraphTable(builder, graph, index, tensorTables, operatorTables);
  const codes = types.map((type) => operatorCode(builder, type, operators, graph));
  return modelBytes(builder, subgraph, codes, buffers);
}

function modelBytes(builder: Builder, subgraph: Offset, codes: Offset[], buffers: Offset[]): Uint8Array {
  const description = builder.createString("mote");
  const subgraphs = offsets(builder, [subgraph]);
  const codeVector = offsets(builder, codes);
  const bufferVector = offsets(builder, buffers);
  builder.startObject(5);
  builder.addFieldInt32(FIELD.model.version, SCHEMA_VERSION, 0);
  builder.addFieldOffset(FIELD.model.operatorCodes, codeVector, 0);
  builder.addFieldOffset(FIELD.model.subgraphs, subgraphs, 0);
  builder.addFieldOffset(FIELD.model.description, description, 0);
  builder.addFieldOffset(FIELD.model.buffers, bufferVector, 0);
  builder.finish(builder.endObject(), FILE_IDENTIFIER);
  return builder.asUint8Array().slice();
}

function subgraphTable(
  builder: Builder,
  graph: Graph,
  index: (name: string) => number,
  tensorTables: Offset[],
  operatorTables: Offset[],
): Offset {
  const tensors = offsets(builder, tensorTables);
  const operators = offsets(builder, operatorTables);
  const inputs = int32s(builder, graph.inputs.map(index));
  const outputs = int32s(builder, graph.outputs.map(index));
  const name = builder.createString(graph.name);
  builder.startObject(5);
  builder.addFieldOffset(FIELD.subgraph.tensors, tensors, 0);
  builder.addFieldOffset(FIELD.subgraph.inputs, inputs, 0);
  builder.addFieldOffset(FIELD.subgraph.outputs, outputs, 0);
  builder.addFieldOffset(FIELD.subgraph.operators, operators, 0);
  builder.addFieldOffset(FIELD.subgraph.name, name, 0);
  return builder.endObject();
}

/** The version from which on an operator takes int8, or int16 activations; interpreters check it. */
const INT8_VERSION: Partial<Record<BuiltinName, number>> = {
  CONV_2D: 3,
  DEPTHWISE_CONV_2D: 3,
  FULLY_CONNECTED: 4,
  TRANSPOSE_CONV: 2,
  AVERAGE_POOL_2D: 2,
  MAX_POOL_2D: 2,
  ABS: 2,
  BROADCAST_TO: 2,
  EXP: 2,
  GELU: 2,
  LOG: 2,
  RSQRT: 2,
  SQRT: 2,
  ADD: 2,
  SUB: 2,
  MUL: 2,
  SOFTMAX: 2,
  LOGISTIC: 2,
  TANH: 2,
  CONCATENATION: 2,
  PAD: 2,
  PADV2: 2,
  MEAN: 2,
  SUM: 2,
  RESHAPE: 1,
  RELU: 2,
  RELU6: 2,
  TRANSPOSE: 2,
  STRIDED_SLICE: 2,
  SPLIT_V: 2,
  RESIZE_BILINEAR: 2,
  RESIZE_NEAREST_NEIGHBOR: 2,
  MAXIMUM: 2,
  MINIMUM: 2,
  LEAKY_RELU: 2,
  LOG_SOFTMAX: 2,
  DEQUANTIZE: 2,
  GATHER: 2,
  ARG_MAX: 2,
  ARG_MIN: 2,
  REDUCE_MAX: 2,
  REDUCE_MIN: 2,
  BATCH_MATMUL: 2,
  SVDF: 3,
  UNIDIRECTIONAL_SEQUENCE_LSTM: 3,
};
/** Where LiteRT has no version 1. */
const FLOAT_VERSION: Partial<Record<BuiltinName, number>> = { BROADCAST_TO: 2 };
const DEFAULT_INT16_VERSION = 3;
const INT16_VERSION: Partial<Record<BuiltinName, number>> = {
  ABS: 3,
  BROADCAST_TO: 2,
  DIV: 2,
  EXP: 2,
  LEAKY_RELU: 2,
  LOG: 2,
  SQRT: 2,
  SUM: 2,
  TILE: 2,

  CONV_2D: 4,
  DEPTHWISE_CONV_2D: 5,
  FULLY_CONNECTED: 7,
  ADD: 4,
  SUB: 5,
  MUL: 4,
  TRANSPOSE: 4,
  STRIDED_SLICE: 4,
  RESHAPE: 1,
};

function operatorCode(
  builder: Builder,
  type: BuiltinName,
  operators: readonly WrittenOperator[],
  graph: Graph,
): Offset {
  const dtypes = new Set(
    operators
      .filter(({ form }) => form.type === type)
      .flatMap(({ outputs }) => outputs.map((name) => graph.tensors.get(name)?.dtype)),
  );
  const int8 = INT8_VERSION[type] ?? 1;
  const version = dtypes.has("int16")
    ? (INT16_VERSION[type] ?? DEFAULT_INT16_VERSION)
    : dtypes.has("int8")
      ? int8
      : (FLOAT_VERSION[type] ?? 1);
  const code = BUILTIN[type];
  const field = FIELD.operatorCode;
  builder.startObject(4);
  builder.addFieldInt8(field.deprecatedBuiltinCode, Math.min(code, LAST_DEPRECATED_BUILTIN), 0);
  builder.addFieldInt32(field.version, version, 1);
  builder.addFieldInt32(field.builtinCode, code, 0);
  return builder.endObject();
}

function tensorTable(builder: Builder, tensor: Tensor, buffer: number, isVariable: boolean): Offset {
  const type = TENSOR_TYPE[tensor.dtype];
  if (type === undefined) {
    throw new UnsupportedError({
      expected: `"${tensor.name}" of a dtype that TensorFlow Lite has`,
      got: tensor.dtype,
      todo: "Cast it before writing.",
    });
  }
  const name = builder.createString(tensor.name);
  const shape = int32s(builder, tensor.shape);
  const quantization = quantizationTable(builder, tensor);
  builder.startObject(FIELD.tensor.isVariable + 1);
  builder.addFieldOffset(FIELD.tensor.shape, shape, 0);
  builder.addFieldInt8(FIELD.tensor.type, type, 0);
  builder.addFieldInt32(FIELD.tensor.buffer, buffer, 0);
  builder.addFieldOffset(FIELD.tensor.name, name, 0);
  builder.addFieldOffset(FIELD.tensor.quantization, quantization, 0);
  builder.addFieldInt8(FIELD.tensor.isVariable, isVariable ? 1 : 0, 0);
  return builder.endObject();
}

function quantizationTable(builder: Builder, { quantization }: Tensor): Offset {
  if (quantization === undefined) return 0;
  const { scale, zeroPoint, axis } = quantization;
  builder.startVector(4, scale.length, 4);
  for (const value of [...scale].reverse()) builder.addFloat32(value);
  const scales = builder.endVector();
  builder.startVector(8, zeroPoint.length, 8);
  for (const value of [...zeroPoint].reverse()) builder.addInt64(BigInt(value));
  const zeroPoints = builder.endVector();
  builder.startObject(FIELD.quantization.quantizedDimension + 1);
  builder.addFieldOffset(FIELD.quantization.scale, scales, 0);
  builder.addFieldOffset(FIELD.quantization.zeroPoint, zeroPoints, 0);
  builder.addFieldInt32(FIELD.quantization.quantizedDimension, axis ?? 0, 0);
  return builder.endObject();
}

function bufferTable(builder: Builder, bytes: Uint8Array | null): Offset {
  let data = 0;
  if (bytes !== null) {
    builder.startVector(1, bytes.length, BUFFER_ALIGNMENT);
    for (let i = bytes.length - 1; i >= 0; i--) builder.addInt8(bytes[i]!);
    data = builder.endVector();
  }
  builder.startObject(1);
  builder.addFieldOffset(FIELD.buffer.data, data, 0);
  return builder.endObject();
}

function bytesOf({ data, dtype }: Tensor): Uint8Array {
  const bytes = new Uint8Array(data!.buffer, data!.byteOffset, data!.byteLength);
  if (dtype !== "int4") return bytes;
  // Two codes per byte, the first in the low half.
  return Uint8Array.from(
    { length: Math.ceil(bytes.length / 2) },
    (_, i) => (bytes[2 * i]! & 15) | ((bytes[2 * i + 1] ?? 0) << 4),
  );
}

function int32s(builder: Builder, values: readonly number[]): Offset {
  builder.startVector(4, values.length, 4);
  for (const value of [...values].reverse()) builder.addInt32(value);
  return builder.endVector();
}

function offsets(builder: Builder, values: readonly Offset[]): Offset {
  builder.startVector(4, values.length, 4);
  for (const value of [...values].reverse()) builder.addOffset(value);
  return builder.endVector();
}
