import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UnsupportedError } from "../../errors.js";
import { openFloat } from "../../execute/float.js";
import type { Graph } from "../../graph/graph.js";
import { permute } from "../../graph/size.js";
import { readTflite } from "../tflite/read.js";
import { writeTflite } from "../tflite/write.js";
import { readOnnx } from "./read.js";
import { writeOnnx } from "./write.js";

/** Models as exporters write them, against ONNX Runtime on the file itself; then written and read again by us. */
const python = process.env["MOTE_PYTHON"] ?? "python3";
const hasPeer = spawnSync(python, ["-c", "import onnx, onnxruntime"]).status === 0;
const maker = fileURLToPath(new URL("./peer.py", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "mote-peer-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Expectation {
  readonly x: number[];
  readonly shape: number[];
  readonly y: number[][];
  readonly yshape: number[][];
  readonly names: string[];
}

/** The file's axes in the order in which the graph holds them. */
function order(graph: Graph, name: string, rank: number): number[] {
  const found = graph.fileOrder?.get(name) ?? Array.from({ length: rank }, (_, axis) => axis);
  return found.filter((axis) => axis >= 0);
}

async function expectSame(graph: Graph, expected: Expectation): Promise<void> {
  const x = permute(Float32Array.from(expected.x), expected.shape, order(graph, "x", expected.shape.length));
  const model = await openFloat(graph);
  const results = await model.run(new Map([["x", x.data]]));
  await model.release();
  expected.names.forEach((name, i) => {
    const shape = expected.yshape[i]!;
    const wanted = permute(Float32Array.from(expected.y[i]!), shape, order(graph, name, shape.length)).data;
    const got = results.get(name)!;
    expect(got.length).toBe(wanted.length);
    const scale = Math.max(1, ...wanted.map(Math.abs));
    const worst = Math.max(...wanted.map((value, k) => Math.abs(value - Number(got[k]))));
    expect(worst / scale).toBeLessThan(1e-5);
  });
}

const NAMES = [
  "attn",
  "ceil",
  "cnn",
  "gru",
  "lstm",
  "nhwc",
  "pixelshuffle",
  "reduce",
  "se",
  "torchgru",
  "torchlstm",
  "torchlstmlast",
  "torchrnn",
  "unet",
  "view",
];
/** TensorFlow Lite has no word for an operator of these. */
const ONLY_ONNX = new Set(["attn", "ceil", "gru", "lstm", "se", "torchgru", "torchrnn"]);

describe("models as exporters write them (needs the Python packages onnx and onnxruntime)", () => {
  beforeAll(() => {
    if (!hasPeer) return;
    const made = spawnSync(python, [maker, folder]);
    if (made.status !== 0) throw new Error(made.stderr.toString());
    expect(readdirSync(folder).filter((name) => name.endsWith(".onnx"))).toHaveLength(NAMES.length);
  });

  for (const name of NAMES) {
    const load = () => ({
      graph: readOnnx(new Uint8Array(readFileSync(join(folder, `${name}.onnx`)))),
      expected: JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8")) as Expectation,
    });

    it.skipIf(!hasPeer)(`${name} computes what the file does, also after a round through ONNX`, async () => {
      const { graph, expected } = load();
      await expectSame(graph, expected);
      await expectSame(readOnnx(writeOnnx(graph)), expected);
    });

    it.skipIf(!hasPeer)(
      `${name} through TensorFlow Lite computes the same or is refused by name`,
      async () => {
        const { graph, expected } = load();
        if (ONLY_ONNX.has(name)) {
          expect(() => writeTflite(graph)).toThrow(UnsupportedError);
          return;
        }
        const again = readTflite(writeTflite(graph));
        await expectSame(
          graph.fileOrder === undefined ? again : { ...again, fileOrder: graph.fileOrder },
          expected,
        );
      },
    );
  }
});
