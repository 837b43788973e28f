import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { InferenceSession, Tensor } from "onnxruntime-web";
import { describe, expect, it } from "vitest";
import { dequantizeOutput } from "../../execute/integer/edge.js";
import { runInteger } from "../../execute/integer/run.js";
import { elementCount } from "../../graph/size.js";
import { readTflite } from "../tflite/read.js";
import { readOnnx } from "./read.js";
import { writeOnnx } from "./write.js";

const data =
  process.env["MOTE_DATA"] ?? fileURLToPath(new URL("../../../../../shared/data", import.meta.url));
const folder = join(data, "mlperf-tiny");
const has = existsSync(folder);

/** Measured on these inputs: ad 2, ic 0, vww 1, kws 9 of 256 codes. */
const MOST_CODES_OFF = 12;

describe("an integer graph written as QDQ (needs the shared data)", () => {
  for (const name of ["ad", "ic", "kws", "vww"]) {
    it.skipIf(!has)(`${name} comes back as the same integer graph`, () => {
      const graph = readTflite(new Uint8Array(readFileSync(join(folder, `${name}_int8.tflite`))));
      const again = readOnnx(writeOnnx(graph));
      expect(again.operators.map(({ kind }) => kind)).toEqual(graph.operators.map(({ kind }) => kind));
      expect(again.operators.map(({ attributes }) => attributes)).toEqual(
        graph.operators.map(({ attributes }) => attributes),
      );
      const input = new Int8Array(readFileSync(join(folder, "golden", name, "in.bin")));
      const run = (model: typeof graph) => [
        ...runInteger(model, new Map([[model.inputs[0]!, input]])).values(),
      ];
      expect(run(again)).toEqual(run(graph));
      expect(again.inputs).toEqual(graph.inputs);
      expect(again.outputs).toEqual(graph.outputs);
    });

    it.skipIf(!has)(`${name} runs in ONNX Runtime to within a few codes of the exact integers`, async () => {
      const graph = readTflite(new Uint8Array(readFileSync(join(folder, `${name}_int8.tflite`))));
      const codes = new Int8Array(readFileSync(join(folder, "golden", name, "in.bin")));
      const [input, output] = [graph.tensors.get(graph.inputs[0]!)!, graph.tensors.get(graph.outputs[0]!)!];
      const session = await InferenceSession.create(writeOnnx(graph));
      const real = dequantizeOutput(input, codes);
      // One channel, or channels-last turned to channels-first.
      const shape = input.shape.length === 4 ? [0, 3, 1, 2].map((axis) => input.shape[axis]!) : input.shape;
      const turned = input.shape.length === 4 ? channelsFirst(real, input.shape) : real;
      const results = await session.run({ [input.name]: new Tensor("float32", turned, shape) });
      await session.release();
      const got = results[output.name]!.data as Float32Array;
      const exact = dequantizeOutput(
        output,
        new Int8Array(readFileSync(join(folder, "golden", name, "out.bin"))),
      );
      expect(got.length).toBe(elementCount(output.shape));
      const scale = output.quantization!.scale[0]!;
      const codesOff = Math.max(...got.map((value, i) => Math.abs(value - exact[i]!) / scale));
      // The runtime requantizes in floating point: a code may differ in each layer, and softmax stretches what is left.
      expect(codesOff).toBeLessThanOrEqual(MOST_CODES_OFF);
    });
  }
});

function channelsFirst(values: Float32Array, [, h, w, c]: readonly number[]): Float32Array {
  const out = new Float32Array(values.length);
  values.forEach((value, i) => {
    const channel = i % c!;
    const pixel = (i - channel) / c!;
    out[channel * h! * w! + pixel] = value;
  });
  return out;
}
