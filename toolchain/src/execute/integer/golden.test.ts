import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { readTflite } from "../../formats/tflite/read.js";
import { prepareInteger } from "./run.js";

const DATA = process.env["MOTE_DATA"] ?? resolve(import.meta.dirname, "../../../../../shared/data");
const MODELS = resolve(DATA, "mlperf-tiny");
const has = existsSync(MODELS);

const int8 = (path: string): Int8Array => new Int8Array(readFileSync(path));

/** Number of elements that differ; tensors of thousands of codes make unreadable diffs. */
function differences(got: Int8Array, want: Int8Array): number {
  if (got.length !== want.length) return Math.max(got.length, want.length);
  return got.reduce((count, code, i) => count + (code === want[i] ? 0 : 1), 0);
}

/** Intermediate tensors of each model, input included: all that there are. */
const TENSORS = { kws: 14, vww: 32, ic: 17, ad: 11 } as const;

describe.each([
  "kws",
  "vww",
  "ic",
  "ad",
] as const)("%s equals TensorFlow Lite Micro's reference kernels", (model) => {
  const golden = resolve(MODELS, "golden", model);

  it.skipIf(!has)("in every intermediate tensor (needs the shared data)", () => {
    const graph = readTflite(readFileSync(resolve(MODELS, `${model}_int8.tflite`)));
    const values = prepareInteger(graph, { keep: true }).run(
      new Map([[graph.inputs[0]!, int8(resolve(golden, "in.bin"))]]),
    );
    const listed = readFileSync(resolve(golden, "tensors.txt"), "utf8").match(/^T .*$/gm)!;
    const wrong = listed.flatMap((line) => {
      const [, file, name] = /^T (\S+) (.*)$/.exec(line)!;
      const got = values.get(name!);
      const bad = got instanceof Int8Array ? differences(got, int8(resolve(golden, file!))) : "missing";
      return bad === 0 ? [] : [`${name}: ${bad}`];
    });
    expect(listed).toHaveLength(TENSORS[model]);
    expect(wrong).toEqual([]);
  });

  it.skipIf(!has)("in the outputs of eight further inputs (needs the shared data)", () => {
    const graph = readTflite(readFileSync(resolve(MODELS, `${model}_int8.tflite`)));
    const inputs = int8(resolve(golden, "inputs8.bin"));
    const outputs = int8(resolve(golden, "outputs8.bin"));
    const executor = prepareInteger(graph);
    const size = inputs.length / 8;
    const got = Array.from({ length: 8 }, (_, i) => {
      const input = inputs.slice(i * size, (i + 1) * size);
      return executor.run(new Map([[graph.inputs[0]!, input]])).get(graph.outputs[0]!) as Int8Array;
    });
    expect(differences(Int8Array.from(got.flatMap((codes) => [...codes])), outputs)).toBe(0);
  });
});
