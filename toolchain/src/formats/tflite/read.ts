import { ModelFormatError, UnsupportedError } from "../../errors.js";
import type { DType, Graph, Quantization, Tensor, TensorData } from "../../graph/graph.js";
import { allocate, elementCount } from "../../graph/size.js";
import { validateGraph } from "../../graph/validate.js";
import { fromFloat16 } from "../float16.js";
import { refuseUnsupported, type Survey, surveyOperators } from "../survey.js";
import { TfliteImporter, type TfliteNode } from "./importer.js";
import { isReadable, readNode } from "./read-operators.js";
import { builtinName, FIELD, FILE_IDENTIFIER, FLOAT16, SCHEMA_VERSION, TENSOR_TYPE } from "./schema.js";
import { FlatTable } from "./table.js";

const DTYPE = new Map(Object.entries(TENSOR_TYPE).map(([dtype, code]) => [code, dtype as DType]));
/** More axes than any operator has a meaning for. */
const MAX_RANK = 8;
/** States take memory that the file does not have: 2^24 elements are far beyond any small device. */
const MAX_STATE_ELEMENTS = 2 ** 24;

/**
 * Reads a TensorFlow Lite model (float32, int8, int16x8). Throws ModelFormatError for a file that is damaged,
 * UnsupportedError that lists every operator that is not read with its count and first place, GraphError for a model that
 * contradicts itself.
 */
export function readTflite(bytes: Uint8Array): Graph {
  const { subgraph, nodes, tensors, named } = open(bytes);
  refuseUnsupported(surveyOperators(nodes, isReadable).unsupported);

  const importer = new TfliteImporter(tensors);
  for (const node of nodes) readNode(node, importer);
  const inputs = named(subgraph.int32s(FIELD.subgraph.inputs), "inputs");
  const outputs = named(subgraph.int32s(FIELD.subgraph.outputs), "outputs");
  return validateGraph({
    name: subgraph.string(FIELD.subgraph.name) || "main",
    tensors: onlyUsed(importer, [...inputs, ...outputs]),
    operators: importer.operators,
    inputs,
    outputs,
  });
}

/** What the file holds, whether or not each operator can be read. */
export function surveyTflite(bytes: Uint8Array): Survey {
  const { subgraph, nodes, tensors, named } = open(bytes);
  const edges = (field: number) =>
    named(subgraph.int32s(field), "inputs and outputs").map((name) => ({
      name,
      shape: tensors.get(name)?.shape ?? [],
    }));
  return {
    inputs: edges(FIELD.subgraph.inputs),
    outputs: edges(FIELD.subgraph.outputs),
    ...surveyOperators(nodes, isReadable),
  };
}

interface OpenedFile {
  readonly subgraph: FlatTable;
  readonly nodes: readonly TfliteNode[];
  readonly tensors: Map<string, Tensor>;
  /** Tensor names by the indices that the file uses; "" for an absent input. */
  named(indices: readonly number[] | null, what: string): string[];
}

function open(bytes: Uint8Array): OpenedFile {
  const model = FlatTable.root(bytes, FILE_IDENTIFIER);
  const version = model.uint32(FIELD.model.version);
  if (version !== SCHEMA_VERSION) throw damaged(`schema version ${SCHEMA_VERSION}`, `${version}`);
  const [subgraph] = model.tables(FIELD.model.subgraphs);
  if (subgraph === undefined) throw damaged("a model with a graph", "none");

  const { names, tensors } = readTensors(model, subgraph);
  const named = (indices: readonly number[] | null, what: string): string[] =>
    (indices ?? []).map((index) => {
      if (index === -1) return "";
      const name = names[index];
      if (name === undefined) throw damaged(`${what} among ${names.length} tensors`, `tensor ${index}`);
      return name;
    });
  const types = operatorTypes(model);
  const nodes = subgraph.tables(FIELD.subgraph.operators).map((operator): TfliteNode => {
    const type = types[operator.uint32(FIELD.operator.opcodeIndex)];
    if (type === undefined) throw damaged("operators of the model's own list", "one beyond it");
    const outputs = named(operator.int32s(FIELD.operator.outputs), "outputs");
    return {
      type,
      name: outputs[0] ?? type,
      inputs: named(operator.int32s(FIELD.operator.inputs), "inputs"),
      outputs,
      intermediates: named(operator.int32s(FIELD.operator.intermediates), "intermediates"),
      options: operator.table(FIELD.operator.options),
    };
  });
  return { subgraph, nodes, tensors, named };
}

/** Names of the operators that the file uses, by their place in its list. */
function operatorTypes(model: FlatTable): string[] {
  const field = FIELD.operatorCode;
  return model.tables(FIELD.model.operatorCodes).map((code) => {
    // Codes below 127 stand in the old field of 8 bits, the others in the new one: whichever is greater.
    const builtin = Math.max(code.int8(field.deprecatedBuiltinCode), code.int32(field.builtinCode));
    const custom = code.string(field.customCode);
    return custom !== "" ? `CUSTOM ${custom}` : (builtinName(builtin) ?? `builtin operator ${builtin}`);
  });
}

function readTensors(
  model: FlatTable,
  subgraph: FlatTable,
): { names: string[]; tensors: Map<string, Tensor> } {
  const field = FIELD.tensor;
  const buffers = model.tables(FIELD.model.buffers);
  const tensors = new Map<string, Tensor>();
  const names = subgraph.tables(FIELD.subgraph.tensors).map((table, index) => {
    const wanted = table.string(field.name) || `tensor${index}`;
    let name = wanted;
    for (let n = 2; tensors.has(name); n++) name = `${wanted}_${n}`;
    const shape = table.int32s(field.shape) ?? [];
    if (shape.length > MAX_RANK) throw damaged(`at most ${MAX_RANK} axes of "${name}"`, `${shape.length}`);
    if (table.table(field.sparsity) !== null) {
      throw new UnsupportedError({
        expected: `dense data of "${name}"`,
        got: "TensorFlow Lite's sparse encoding",
        todo: "Convert the model without sparsity encoding.",
      });
    }
    const type = table.int8(field.type);
    const quantization = readQuantization(table.table(field.quantization), name);
    const data =
      readData(buffers, table.uint32(field.buffer), type, shape, name) ??
      (table.bool(field.isVariable) ? initialState(type, shape, quantization, name) : undefined);
    const isHalf = type === FLOAT16 && data !== undefined;
    tensors.set(name, {
      name,
      shape,
      dtype: isHalf ? "float32" : dtypeOf(type, name),
      ...(data === undefined ? {} : { data }),
      ...(quantization === undefined ? {} : { quantization }),
    });
    return name;
  });
  return { names, tensors };
}

function dtypeOf(type: number, name: string): DType {
  const dtype = DTYPE.get(type);
  if (dtype === undefined) {
    throw new UnsupportedError({
      expected: `"${name}" of ${[...DTYPE.values()].join(", ")}`,
      got: `TensorFlow Lite's tensor type ${type}`,
      todo: "Convert the model with float32 or integer tensors.",
    });
  }
  return dtype;
}

function readQuantization(table: FlatTable | null, name: string): Quantization | undefined {
  const scale = table?.floats(FIELD.quantization.scale);
  if (table === null || scale === null || scale === undefined || scale.length === 0) return undefined;
  const zeroPoint = table.int64s(FIELD.quantization.zeroPoint) ?? [];
  if (zeroPoint.length > scale.length) {
    throw damaged(`${scale.length} zero points of "${name}"`, `${zeroPoint.length}`);
  }
  const axis = table.int32(FIELD.quantization.quantizedDimension);
  return {
    scale,
    // Writers leave zero points out where all are 0, or give one for all.
    zeroPoint: Int32Array.from(scale, (_, i) => zeroPoint[i] ?? zeroPoint[0] ?? 0),
    axis: scale.length === 1 ? null : axis,
  };
}

function readData(
  buffers: readonly FlatTable[],
  index: number,
  type: number,
  shape: readonly number[],
  name: string,
): TensorData | undefined {
  // Buffer 0 is empty by convention: the tensor is computed.
  const buffer = buffers[index];
  if (index === 0 || buffer === undefined) return undefined;
  const far = buffer.uint64(FIELD.buffer.offset);
  const raw =
    far > 1 ? buffer.fileBytes(far, buffer.uint64(FIELD.buffer.size)) : buffer.bytes(FIELD.buffer.data);
  if (raw === null || raw.length === 0) return undefined;
  return decode(raw, type, elementCount(shape), name);
}

/** A variable begins at zero; in the graph it is a constant that holds what it begins with. */
function initialState(
  type: number,
  shape: readonly number[],
  quantization: Quantization | undefined,
  name: string,
): TensorData {
  const count = elementCount(shape);
  if (!(count >= 1 && count <= MAX_STATE_ELEMENTS)) {
    throw damaged(`a state "${name}" of 1 to ${MAX_STATE_ELEMENTS} elements`, `[${shape.join(", ")}]`);
  }
  const data = allocate(dtypeOf(type, name), count);
  if (!(data instanceof BigInt64Array)) data.fill(quantization?.zeroPoint[0] ?? 0);
  return data;
}

/** Bits of one element, by TensorType. */
const WIDTH_BITS: Partial<Record<number, number>> = {
  0: 32,
  1: 16,
  2: 32,
  3: 8,
  4: 64,
  6: 8,
  7: 16,
  9: 8,
  17: 4,
};

function decode(raw: Uint8Array, type: number, count: number, name: string): TensorData {
  const bits = WIDTH_BITS[type];
  if (bits === undefined) dtypeOf(type, name);
  const wanted = Math.ceil((count * (bits ?? 8)) / 8);
  if (raw.length !== wanted) throw damaged(`${wanted} bytes of data for "${name}"`, `${raw.length}`);
  const { buffer } = raw;
  switch (type) {
    case 0:
      return new Float32Array(buffer);
    case FLOAT16:
      return Float32Array.from(new Uint16Array(buffer), fromFloat16);
    case 2:
      return new Int32Array(buffer);
    case 4:
      return new BigInt64Array(buffer);
    case 7:
      return new Int16Array(buffer);
    case 9:
      return new Int8Array(buffer);
    case 17:
      // Two codes per byte, the first in the low half.
      return Int8Array.from({ length: count }, (_, i) => (raw[i >> 1]! << (i & 1 ? 24 : 28)) >> 28);
    default:
      return raw;
  }
}

/** Shapes, axes and the like became attributes; their tensors are no part of the graph any more. */
function onlyUsed(importer: TfliteImporter, edges: readonly string[]): Map<string, Tensor> {
  const used = new Set([
    ...edges,
    ...importer.operators.flatMap(({ inputs, outputs }) => [...inputs, ...outputs]),
  ]);
  return new Map([...importer.tensors].filter(([name]) => used.has(name)));
}

function damaged(expected: string, got: string): ModelFormatError {
  return new ModelFormatError({
    expected,
    got,
    todo: "The file is damaged or contradicts itself: export or copy it again.",
  });
}
