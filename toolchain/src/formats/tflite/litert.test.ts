import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { prepareInteger } from "../../execute/integer/run.js";
import type { TensorData } from "../../graph/graph.js";
import { CaseMaker, Dice, type LitertCase } from "./litert.cases.js";
import { OPERATOR_CASES } from "./operators.cases.js";
import { readTflite } from "./read.js";
import { writeTflite } from "./write.js";

/**
 * Every operator that the TensorFlow Lite writer knows, as small random graphs: what the integer executor computes is what
 * LiteRT's reference kernels compute on the written file, bit for bit.
 */
const python = process.env["MOTE_PYTHON"] ?? "python3";
const hasLitert = spawnSync(python, ["-c", "import ai_edge_litert.interpreter"]).status === 0;
const runner = fileURLToPath(new URL("./litert.py", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "mote-litert-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Random graphs per operator. */
const SEEDS = process.env["MOTE_FULL"] === undefined ? 6 : 100;

const bytesOf = (data: TensorData) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

function casesOf(dtype: "int8" | "int16"): LitertCase[] {
  return Object.entries(OPERATOR_CASES[dtype]).flatMap(([kind, make]) =>
    Array.from({ length: SEEDS }, (_, seed) =>
      make(new CaseMaker(`${dtype}-${kind}-${seed}`, dtype, new Dice(seed * 7919 + kind.length * 104729))),
    ),
  );
}

const runsOf = ({ inputs, further }: LitertCase) => [inputs, ...(further ?? [])];

function ours(one: LitertCase): Uint8Array {
  const { graph, rounding } = one;
  const read = readTflite(writeTflite(graph));
  const model = prepareInteger(read, rounding === undefined ? {} : { rounding });
  const results = runsOf(one).map((inputs) =>
    model.run(new Map(read.inputs.map((name, i) => [name, inputs[i]!]))),
  );
  return new Uint8Array(
    Buffer.concat(results.flatMap((result) => read.outputs.map((name) => bytesOf(result.get(name)!)))),
  );
}

/** How many bytes differ, or what either side says against the file. */
function verdict(one: LitertCase): string {
  const path = join(folder, one.name);
  if (existsSync(`${path}.err`)) return `LiteRT: ${readFileSync(`${path}.err`, "utf8")}`;
  const theirs = new Uint8Array(readFileSync(`${path}.out`));
  const mine = ours(one);
  if (mine.length !== theirs.length) return `${mine.length} bytes for ${theirs.length}`;
  const wrong = mine.reduce((count, byte, i) => count + (byte === theirs[i] ? 0 : 1), 0);
  const first = mine.findIndex((byte, i) => byte !== theirs[i]);
  return wrong === 0
    ? "same"
    : `${wrong} of ${mine.length} bytes differ, the first at ${first}: ${mine[first]} for ${theirs[first]}`;
}

describe.each([
  "int8",
  "int16",
] as const)("%s operators in LiteRT (needs the Python package ai-edge-litert)", (dtype) => {
  const cases = casesOf(dtype);

  beforeAll(() => {
    if (!hasLitert) return;
    for (const one of cases) {
      writeFileSync(join(folder, `${one.name}.tflite`), writeTflite(one.graph));
      writeFileSync(join(folder, `${one.name}.in`), Buffer.concat(runsOf(one).flat().map(bytesOf)));
    }
    const done = spawnSync(python, [runner, folder]);
    if (done.status !== 0) throw new Error(done.stderr.toString());
  }, 600_000);

  for (const kind of Object.keys(OPERATOR_CASES[dtype])) {
    it.skipIf(!hasLitert)(`${kind} computes the same bits`, () => {
      const mine = cases.filter(({ name }) => name.startsWith(`${dtype}-${kind}-`));
      expect(mine).toHaveLength(SEEDS);
      expect(mine.map((one) => [one.name, verdict(one)])).toEqual(mine.map(({ name }) => [name, "same"]));
    });
  }
});
