import { fromUtf8 } from "../../bytes.js";
import type { TensorRange } from "./tensor-range.js";

/**
 * Walks an ONNX ModelProto by its wire format (protobuf encoding; onnx.proto3 field numbers) just far enough to know
 * where initializers keep their raw data. Null when the bytes are no such message.
 */

const MODEL_GRAPH = 7;
const GRAPH_INITIALIZER = 5;
const TENSOR = { dims: 1, dataType: 2, name: 8, rawData: 9 } as const;
const DTYPES: Record<number, TensorRange["dtype"]> = { 1: "float32", 2: "int8", 3: "int8", 6: "int32" };

interface Field {
  readonly number: number;
  /** Varint value; 0 for the other wire types. */
  readonly value: number;
  /** Of a length-delimited field, else empty. */
  readonly start: number;
  readonly end: number;
}

class WireError extends Error {}

function readVarint(bytes: Uint8Array, at: number, end: number): { value: number; next: number } {
  let value = 0;
  let scale = 1;
  for (let i = at; i < Math.min(end, at + 10); i++) {
    value += (bytes[i]! & 127) * scale;
    scale *= 128;
    if (bytes[i]! < 128) return { value, next: i + 1 };
  }
  throw new WireError("varint");
}

function* readFields(bytes: Uint8Array, start: number, end: number): Generator<Field> {
  let at = start;
  while (at < end) {
    const tag = readVarint(bytes, at, end);
    const number = Math.floor(tag.value / 8);
    at = tag.next;
    switch (tag.value % 8) {
      case 0: {
        const { value, next } = readVarint(bytes, at, end);
        at = next;
        yield { number, value, start: at, end: at };
        break;
      }
      case 1:
        at += 8;
        break;
      case 2: {
        const { value, next } = readVarint(bytes, at, end);
        at = next + value;
        if (at > end) throw new WireError("length");
        yield { number, value: 0, start: next, end: at };
        break;
      }
      case 5:
        at += 4;
        break;
      default:
        throw new WireError("wire type");
    }
  }
}

function readTensor(bytes: Uint8Array, start: number, end: number): TensorRange | null {
  const dims: number[] = [];
  let dtype: TensorRange["dtype"] | undefined;
  let name = "";
  let raw: Field | undefined;
  for (const field of readFields(bytes, start, end)) {
    if (field.number === TENSOR.dims && field.start === field.end) dims.push(field.value);
    else if (field.number === TENSOR.dims) {
      for (let at = field.start; at < field.end; ) {
        const { value, next } = readVarint(bytes, at, field.end);
        dims.push(value);
        at = next;
      }
    } else if (field.number === TENSOR.dataType) dtype = DTYPES[field.value];
    else if (field.number === TENSOR.name) name = fromUtf8(bytes.subarray(field.start, field.end));
    else if (field.number === TENSOR.rawData) raw = field;
  }
  if (dtype === undefined || raw === undefined) return null;
  const length = raw.end - raw.start;
  const elementBytes = dtype === "int8" ? 1 : 4;
  if (length === 0 || length % elementBytes !== 0) return null;
  const rowLength = length / (dims[0] ?? 1);
  return {
    name,
    dtype,
    offset: raw.start,
    length,
    rowLength: dims.length > 1 && Number.isInteger(rowLength) ? rowLength : length,
  };
}

export function findOnnxRanges(bytes: Uint8Array): TensorRange[] | null {
  try {
    const ranges: TensorRange[] = [];
    for (const model of readFields(bytes, 0, bytes.length)) {
      if (model.number !== MODEL_GRAPH) continue;
      for (const graph of readFields(bytes, model.start, model.end)) {
        if (graph.number !== GRAPH_INITIALIZER) continue;
        const range = readTensor(bytes, graph.start, graph.end);
        if (range !== null) ranges.push(range);
      }
    }
    return ranges;
  } catch {
    // Not protobuf, or not ONNX: the bytes are coded without types.
    return null;
  }
}
