import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { runInteger } from "../../execute/integer/run.js";
import { GraphBuilder } from "../../graph/builder.js";
import type { Graph } from "../../graph/graph.js";
import { readOnnx } from "../onnx/read.js";
import { writeOnnx } from "../onnx/write.js";
import { readTflite } from "./read.js";
import { writeTflite } from "./write.js";

const data =
  process.env["MOTE_DATA"] ?? fileURLToPath(new URL("../../../../../shared/data", import.meta.url));
const folder = join(data, "mlperf-tiny");
const has = existsSync(folder);
const python = process.env["MOTE_PYTHON"] ?? "python3";
const hasLitert = spawnSync(python, ["-c", "import ai_edge_litert.interpreter"]).status === 0;
const runner = fileURLToPath(new URL("./litert.py", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "mote-tflite-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const load = (name: string) => readTflite(new Uint8Array(readFileSync(join(folder, `${name}.tflite`))));

/** What LiteRT's reference kernels make of the input. */
function litert(model: Uint8Array, input: Uint8Array): Buffer {
  const path = join(scratch, "model.tflite");
  writeFileSync(path, model);
  const run = spawnSync(python, [runner, path], { input, maxBuffer: 1 << 26 });
  if (run.status !== 0) throw new Error(run.stderr.toString());
  return run.stdout;
}

describe("a model read and written again (needs the shared data)", () => {
  for (const name of ["ad_int8", "ic_int8", "kws_int8", "vww_int8", "ad_float32", "kws_float32"]) {
    it.skipIf(!has)(`${name} is the same graph`, () => {
      const graph = load(name);
      const again = readTflite(writeTflite(graph));
      expect(again.operators).toEqual(graph.operators);
      expect([...again.tensors.keys()].sort()).toEqual([...graph.tensors.keys()].sort());
      for (const [key, tensor] of graph.tensors) expect(again.tensors.get(key)).toEqual(tensor);
    });
  }
});

describe("written models in LiteRT (needs the Python package ai-edge-litert)", () => {
  for (const name of ["ad", "ic", "kws", "vww"]) {
    it.skipIf(!has || !hasLitert)(`${name}_int8 gives the bits of the file that was read`, () => {
      const original = new Uint8Array(readFileSync(join(folder, `${name}_int8.tflite`)));
      const input = readFileSync(join(folder, "golden", name, "in.bin"));
      const expected = litert(original, input);
      expect(litert(writeTflite(readTflite(original)), input)).toEqual(expected);
      expect(litert(writeTflite(readOnnx(writeOnnx(readTflite(original)))), input)).toEqual(expected);
    });

    it.skipIf(!has || !hasLitert)(`${name}_float32 gives the bits of the file that was read`, () => {
      const original = new Uint8Array(readFileSync(join(folder, `${name}_float32.tflite`)));
      const graph = readTflite(original);
      const count = graph.tensors.get(graph.inputs[0]!)!.shape.reduce((a, b) => a * b, 1);
      const values = Float32Array.from({ length: count }, (_, i) => Math.sin(i * 0.7));
      const input = new Uint8Array(values.buffer);
      expect(litert(writeTflite(graph), input)).toEqual(litert(original, input));
    });
  }

  it.skipIf(!hasLitert)(
    "int16 activations and int64 biases are accepted and computed as we compute them",
    () => {
      const graph = int16Network();
      const input = Int16Array.from({ length: 50 }, (_, i) => ((i * 7919) % 65536) - 32768);
      const output = litert(writeTflite(graph), new Uint8Array(input.buffer));
      const [ours] = runInteger(readTflite(writeTflite(graph)), new Map([["x", input]])).values();
      expect(new Int16Array(new Uint8Array(output).buffer)).toEqual(ours);
    },
  );
});

/** A convolution with uneven padding and a dense layer, 16-bit activations and 8-bit weights. */
function int16Network(): Graph {
  const builder = new GraphBuilder("int16");
  const scaleOf = (scale: number[], axis: number | null = null) => ({
    scale: Float32Array.from(scale),
    zeroPoint: new Int32Array(scale.length),
    axis,
  });
  const weights = (count: number) => Int8Array.from({ length: count }, (_, i) => ((i * 37) % 255) - 127);
  builder.input({ name: "x", shape: [1, 5, 5, 2], dtype: "int16", quantization: scaleOf([1 / 4096]) });
  builder.tensor({
    name: "w",
    shape: [3, 3, 2, 2],
    dtype: "int8",
    data: weights(36),
    quantization: scaleOf([0.01, 0.02, 0.005], 0),
  });
  builder.tensor({
    name: "b",
    shape: [3],
    dtype: "int64",
    data: BigInt64Array.from([100n, -2000n, 30000n]),
    quantization: scaleOf([0.01 / 4096, 0.02 / 4096, 0.005 / 4096], 0),
  });
  builder.operator(
    {
      kind: "conv2d",
      name: "conv",
      inputs: ["x", "w", "b"],
      outputs: ["y"],
      attributes: {
        strideH: 1,
        strideW: 2,
        padding: { top: 2, bottom: 0, left: 1, right: 1 },
        dilationH: 1,
        dilationW: 1,
        groups: 1,
        activation: "relu",
      },
    },
    { quantization: scaleOf([1 / 1024]) },
  );
  builder.outputs.push("y");
  return builder.build();
}
