import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";

/** Runs in a process of its own: a process keeps the runtime that it took first. */
const SCRIPT = `
import { readModel } from "@mote/toolchain/formats/index";
import { runFloat } from "@mote/toolchain/execute/float";
import { openOnnxRuntime } from "@mote/toolchain/execute/onnx-runtime";
import { simplify } from "@mote/toolchain/transform/index";
const graph = simplify(await readModel(process.argv[1]));
const shape = graph.tensors.get(graph.inputs[0]).shape;
const size = shape.reduce((product, length) => product * length, 1);
const sample = Float32Array.from({ length: size }, (_, i) => ((i * 31) % 17) / 17);
const values = await runFloat(graph, new Map([[graph.inputs[0], sample]]), { keep: "all" });
const tensors = Object.fromEntries([...values].map(([name, data]) => [name, Array.from(data)]));
console.log(JSON.stringify({ build: (await openOnnxRuntime()).build, tensors }));
`;
const MODEL = resolve(import.meta.dirname, "../../models/digits/digits-v1.onnx");

interface Result {
  readonly status: number | null;
  readonly stderr: string;
  readonly answer: { build: string; tensors: Record<string, number[]> };
}

function run(environment: Record<string, string>): Result {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--input-type=module", "-e", SCRIPT, MODEL],
    {
      encoding: "utf8",
      cwd: import.meta.dirname,
      env: { ...process.env, ...environment },
      maxBuffer: 2 ** 26,
    },
  );
  return { status, stderr, answer: status === 0 ? JSON.parse(stdout) : { build: "", tensors: {} } };
}

const native = run({ MOTE_ORT: "node" });
const isNative = native.status === 0;
if (!isNative) console.warn("skipped: onnxruntime-node is not installed (MOTE_ORT_NODE names its folder)");

describe("the door to ONNX Runtime", () => {
  it("takes the build that is asked for and gives every intermediate tensor", () => {
    const { answer } = run({ MOTE_ORT: "web" });
    expect(answer.build).toBe("web");
    expect(Object.keys(answer.tensors).length).toBeGreaterThan(5);
  }, 60_000);

  it.skipIf(!isNative)(
    "gives the same tensors by onnxruntime-node, within float error",
    () => {
      const web = run({ MOTE_ORT: "web" }).answer.tensors;
      const { tensors } = native.answer;
      expect(Object.keys(tensors)).toEqual(Object.keys(web));
      for (const [name, values] of Object.entries(tensors)) {
        const greatest = Math.max(...web[name]!.map(Math.abs), 1e-6);
        values.forEach((value, i) => {
          expect(Math.abs(value - web[name]![i]!) / greatest).toBeLessThan(1e-5);
        });
      }
    },
    60_000,
  );

  it("refuses a build that it does not know, and says how to install one that is absent", () => {
    expect(run({ MOTE_ORT: "gpu" }).stderr).toMatch(/MOTE_ORT to be node or web/);
    const absent = run({ MOTE_ORT: "node", MOTE_ORT_NODE: "/nowhere" });
    expect(absent.stderr).toMatch(/npm install --ignore-scripts onnxruntime-node/);
  }, 60_000);
});
