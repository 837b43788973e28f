import type { onnx } from "onnx-proto";
import onnxProto from "onnx-proto";
import { ModelFormatError, UnsupportedError } from "../../errors.js";
import type { DType, TensorData } from "../../graph/graph.js";
import { elementCount } from "../../graph/size.js";

/** The thin layer over the protobuf library: bytes to messages, messages to typed arrays, and back. */

export type Model = onnx.IModelProto;
export type Node = onnx.INodeProto;
export type Attribute = onnx.IAttributeProto;
export type Initializer = onnx.ITensorProto;

const { onnx: proto } = onnxProto;

/** TensorProto.DataType by our dtypes. */
const DATA_TYPE: Partial<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
};
const DTYPE = new Map(Object.entries(DATA_TYPE).map(([dtype, code]) => [code, dtype as DType]));
const FLOAT16 = 10;
const DOUBLE = 11;

export function decodeModel(bytes: Uint8Array): Model {
  try {
    // A plain view: slices of a Node Buffer would share its memory and its alignment.
    return proto.ModelProto.decode(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length));
  } catch (cause) {
    throw new ModelFormatError({
      expected: "an ONNX file",
      got: `${bytes.length} bytes that are no ONNX model (${cause instanceof Error ? cause.message : cause})`,
      todo: "The file is truncated, damaged or of another format: export or copy it again.",
      cause,
    });
  }
}

/** One tensor in a file of its own, as ONNX's tests store them. */
export function decodeTensor(bytes: Uint8Array): Initializer {
  return proto.TensorProto.decode(bytes);
}

export function encodeModel(model: Model): Uint8Array {
  return proto.ModelProto.encode(proto.ModelProto.create(model)).finish();
}

/** Protobuf's 64-bit integers arrive as Long or number. */
export function toNumber(value: number | { toNumber(): number } | null | undefined): number {
  if (value === null || value === undefined) return 0;
  return typeof value === "number" ? value : value.toNumber();
}

export function dataTypeOf(dtype: DType): number {
  const code = DATA_TYPE[dtype];
  if (code === undefined) throw unsupported(`dtype ${dtype}`, "Choose another format or dtype.");
  return code;
}

export function dtypeOf(code: number, where: string): DType {
  if (code === FLOAT16 || code === DOUBLE) return "float32";
  const dtype = DTYPE.get(code);
  if (dtype === undefined)
    throw unsupported(`tensor data type ${code} of ${where}`, "Export with float32 or integer tensors.");
  return dtype;
}

/** Shape and data of a constant. Float16 and double are brought to float32. */
export function readInitializer(tensor: Initializer): { shape: number[]; dtype: DType; data: TensorData } {
  const name = `initializer "${tensor.name ?? ""}"`;
  if (tensor.dataLocation === 1) {
    throw new ModelFormatError({
      expected: `${name} inside the file`,
      got: "a reference to an external data file",
      todo: "Save the model with its weights inside (onnx.save_model(…, save_as_external_data=False)).",
    });
  }
  const shape = (tensor.dims ?? []).map(toNumber);
  const count = elementCount(shape);
  const code = tensor.dataType ?? 0;
  const dtype = dtypeOf(code, name);
  const raw = tensor.rawData;
  const hasRaw = raw !== null && raw !== undefined && raw.length > 0;
  const values = hasRaw ? fromRaw(raw, code, count, name) : fromLists(tensor, code, dtype, count, name);
  return { shape, dtype, data: values };
}

const RAW_WIDTH: Record<number, number> = { 1: 4, 2: 1, 3: 1, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8 };

function fromRaw(raw: Uint8Array, code: number, count: number, name: string): TensorData {
  const width = RAW_WIDTH[code]!;
  if (raw.length !== count * width) throw wrongLength(name, count * width, raw.length);
  // A copy: aligned for the typed array, and apart from the file's buffer (which Buffer.slice would share).
  const buffer = new Uint8Array(raw).buffer;
  switch (code) {
    case 1:
      return new Float32Array(buffer);
    case 2:
    case 9:
      return new Uint8Array(buffer);
    case 3:
      return new Int8Array(buffer);
    case 5:
      return new Int16Array(buffer);
    case 6:
      return new Int32Array(buffer);
    case 7:
      return new BigInt64Array(buffer);
    case FLOAT16:
      return Float32Array.from(new Uint16Array(buffer), fromFloat16);
    default:
      return Float32Array.from(new Float64Array(buffer));
  }
}

function fromLists(tensor: Initializer, code: number, dtype: DType, count: number, name: string): TensorData {
  const numbers =
    code === 1
      ? (tensor.floatData ?? [])
      : code === DOUBLE
        ? (tensor.doubleData ?? [])
        : code === 7
          ? (tensor.int64Data ?? []).map(toNumber)
          : (tensor.int32Data ?? []);
  if (numbers.length !== count) throw wrongLength(name, count, numbers.length);
  switch (dtype) {
    case "float32":
      return code === FLOAT16 ? Float32Array.from(numbers, fromFloat16) : Float32Array.from(numbers);
    case "uint8":
    case "bool":
      return Uint8Array.from(numbers);
    case "int8":
      return Int8Array.from(numbers);
    case "int16":
      return Int16Array.from(numbers);
    case "int64":
      return BigInt64Array.from(numbers, BigInt);
    default:
      return Int32Array.from(numbers);
  }
}

/** IEEE 754 binary16. */
function fromFloat16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

export function makeInitializer(
  name: string,
  shape: readonly number[],
  dtype: DType,
  data: TensorData,
): Initializer {
  return {
    name,
    dims: [...shape],
    dataType: dataTypeOf(dtype),
    rawData: new Uint8Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength)),
  };
}

function wrongLength(name: string, expected: number, got: number): ModelFormatError {
  return new ModelFormatError({
    expected: `${expected} units of data for ${name}`,
    got: String(got),
    todo: "The file is truncated or contradicts itself: export or copy it again.",
  });
}

export function unsupported(what: string, todo: string): UnsupportedError {
  return new UnsupportedError({ expected: "what Mote reads of ONNX (docs/operators.md)", got: what, todo });
}
