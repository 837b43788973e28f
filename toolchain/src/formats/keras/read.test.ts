import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { UnsupportedError } from "../../errors.js";
import { openFloat } from "../../execute/float.js";
import type { Graph } from "../../graph/graph.js";
import { readOnnx } from "../onnx/read.js";
import { writeOnnx } from "../onnx/write.js";
import { readTflite } from "../tflite/read.js";
import { writeTflite } from "../tflite/write.js";
import { readKeras } from "./read.js";

/** Models that Keras 2 and 3 saved, with what Keras computed for them (make-fixtures.py). */
const FOLDER = fileURLToPath(new URL("./fixtures/", import.meta.url));

interface Golden {
  readonly models: Readonly<Record<string, Expectation>>;
}

interface Expectation {
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly outputs: readonly { readonly shape: readonly number[]; readonly data: readonly number[] }[];
}

const CASES = readdirSync(FOLDER)
  .filter((name) => name.endsWith(".golden.json"))
  .flatMap((name) => Object.entries((JSON.parse(readFileSync(`${FOLDER}${name}`, "utf8")) as Golden).models))
  .map(([name, expectation]) => ({ name, expectation }));

function fixture(name: string): Uint8Array {
  return gunzipSync(readFileSync(`${FOLDER}${name}.gz`));
}

async function results(graph: Graph, { inputs }: Expectation): Promise<ArrayLike<number | bigint>[]> {
  const model = await openFloat(graph);
  const given = Object.values(inputs).map((values) => Float32Array.from(values));
  const made = await model.run(new Map(graph.inputs.map((name, i) => [name, given[i]!])));
  await model.release();
  return graph.outputs.map((name) => made.get(name)!);
}

function expectClose(got: ArrayLike<number | bigint>, wanted: readonly number[]): void {
  expect(got.length).toBe(wanted.length);
  const scale = Math.max(1, ...wanted.map(Math.abs));
  const worst = Math.max(...wanted.map((value, i) => Math.abs(value - Number(got[i]))));
  expect(worst / scale).toBeLessThan(1e-5);
}

function expectAllClose(
  got: readonly ArrayLike<number | bigint>[],
  wanted: readonly ArrayLike<number | bigint>[],
): void {
  expect(got.length).toBe(wanted.length);
  for (const [i, values] of wanted.entries()) expectClose(got[i]!, Array.from(values, Number));
}

describe.each(CASES)("$name", ({ name, expectation }) => {
  it("computes what Keras computes", async () => {
    const graph = await readKeras(fixture(name));
    expect(graph.outputs.map((output) => graph.tensors.get(output)!.shape)).toEqual(
      expectation.outputs.map(({ shape }) => shape),
    );
    const got = await results(graph, expectation);
    expectAllClose(
      got,
      expectation.outputs.map(({ data }) => data),
    );
  });

  it("computes the same once it was written as ONNX or TensorFlow Lite and read again", async () => {
    const graph = await readKeras(fixture(name));
    const before = await results(graph, expectation);
    // The file holds images channels-first, and the reader brings them back.
    const onnx = await results(readOnnx(writeOnnx(graph)), expectation);
    expectAllClose(onnx, before);
    let written: Uint8Array;
    try {
      written = writeTflite(graph);
    } catch (error) {
      // TensorFlow Lite has no word for some activations and recurrent layers, and says so.
      expect(error).toBeInstanceOf(UnsupportedError);
      return;
    }
    const tflite = await results(readTflite(written), expectation);
    expectAllClose(tflite, before);
  });
});
