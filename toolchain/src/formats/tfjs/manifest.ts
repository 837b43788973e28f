import { ModelFormatError, UnsupportedError } from "../../errors.js";
import { elementCount } from "../../graph/size.js";
import { fromFloat16 } from "../float16.js";
import { isObject, type Json, type JsonObject, LayerConfig } from "../keras/layer-config.js";
import type { NamedArray } from "../keras/weights.js";

/** Gives the bytes of a file that the model names, by its name beside model.json. */
export type ReadShard = (name: string) => Promise<Uint8Array>;

const BYTES: Readonly<Record<string, number>> = {
  float32: 4,
  int32: 4,
  float16: 2,
  uint8: 1,
  uint16: 2,
  bool: 1,
};

/** All arrays of the groups in weightsManifest: each group's shards joined, then cut in the order of its list. */
export async function readManifest(json: JsonObject, readShard: ReadShard): Promise<NamedArray[]> {
  const groups = json["weightsManifest"];
  if (!Array.isArray(groups)) throw damaged("weightsManifest", "none");
  const arrays: NamedArray[] = [];
  for (const group of groups as readonly Json[]) {
    if (!isObject(group)) throw damaged("groups in weightsManifest", JSON.stringify(group).slice(0, 80));
    const { paths, weights } = group;
    if (!Array.isArray(paths) || !Array.isArray(weights))
      throw damaged("paths and weights in each group", "none");
    arrays.push(...cut(await joined(paths as readonly Json[], readShard), weights as readonly Json[]));
  }
  return arrays;
}

async function joined(paths: readonly Json[], readShard: ReadShard): Promise<Uint8Array> {
  const shards: Uint8Array[] = [];
  for (const path of paths) {
    // A shard lies beside model.json: a path that leads elsewhere reads what the model's author should not.
    if (typeof path !== "string" || !/^[^/\\:]+$/.test(path) || path === "..") {
      throw damaged("shards beside model.json", JSON.stringify(path));
    }
    shards.push(await readShard(path));
  }
  const out = new Uint8Array(shards.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const shard of shards) {
    out.set(shard, at);
    at += shard.length;
  }
  return out;
}

function cut(bytes: Uint8Array, weights: readonly Json[]): NamedArray[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  return weights.map((entry) => {
    if (!isObject(entry) || typeof entry["name"] !== "string")
      throw damaged("a name for each of the weights", "none");
    const config = new LayerConfig(`weights "${entry["name"]}"`, entry);
    const shape = Array.isArray(entry["shape"]) && entry["shape"].length === 0 ? [] : config.numbers("shape");
    if (!shape.every((length) => Number.isInteger(length) && length >= 0)) {
      throw config.fault("shape", "whole lengths", shape);
    }
    const coded = isObject(entry["quantization"])
      ? new LayerConfig(config.place, entry["quantization"])
      : null;
    const dtype = coded?.string("dtype", "float32") ?? config.string("dtype", "float32");
    const width = BYTES[dtype];
    if (width === undefined) {
      throw new UnsupportedError({
        expected: `numbers for ${config.place}`,
        got: `dtype ${dtype}`,
        todo: "Models that hold text are not for small devices.",
      });
    }
    const count = elementCount(shape);
    if (!(count * width <= bytes.length - at)) {
      throw damaged(`${count * width} bytes for ${config.place}`, `${bytes.length - at} left in its shards`);
    }
    const codes = Float32Array.from({ length: count }, (_, i) => numberAt(view, at + i * width, dtype));
    at += count * width;
    // uint8 and uint16 are affine codes; float16 stands for itself.
    const data = coded === null || dtype === "float16" ? codes : decoded(codes, coded);
    return { name: entry["name"], shape, data };
  });
}

function decoded(codes: Float32Array, coded: LayerConfig): Float32Array {
  const [scale, least] = [coded.number("scale"), coded.number("min")];
  return codes.map((code) => code * scale + least);
}

function numberAt(view: DataView, at: number, dtype: string): number {
  switch (dtype) {
    case "float32":
      return view.getFloat32(at, true);
    case "int32":
      return view.getInt32(at, true);
    case "uint16":
      return view.getUint16(at, true);
    case "float16":
      return fromFloat16(view.getUint16(at, true));
    default:
      return view.getUint8(at);
  }
}

function damaged(expected: string, got: string): ModelFormatError {
  return new ModelFormatError({
    expected: `a TensorFlow.js model with ${expected}`,
    got,
    todo: "The model.json and its shards do not belong together or are damaged: save the model again.",
  });
}
