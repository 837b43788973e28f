import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { type Dataset, subset, writeNpz } from "@mote/toolchain/data/index";
import { evaluateModel } from "@mote/toolchain/evaluate/index";
import { openRunnable } from "@mote/toolchain/execute/runnable";
import { readModel } from "@mote/toolchain/formats/index";
import { quantizeGraph } from "@mote/toolchain/quantize/index";
import { loadDigits } from "@mote/toolchain/train/digits";
import { Random } from "@mote/toolchain/train/random";

/**
 * npm run bench:accuracy: accuracy after int8 on 2,000 digits never seen, beside onnxruntime's quantize_static on the
 * same calibration samples, five draws of them, as paired differences. Prints a table, writes results/accuracy.json.
 * MOTE_PYTHON names a Python with onnxruntime, onnx and numpy; without it the peer has no figure.
 */

const MODELS = resolve(import.meta.dirname, "../../toolchain/models/digits");
const PEER = resolve(import.meta.dirname, "../src/accuracy-peer.py");
const RESULTS = resolve(import.meta.dirname, "../results/accuracy.json");
const SEEDS = [1, 2, 3, 4, 5];
const CALIBRATION_SAMPLES = 100;
/** Student's t for five pairs, 95 %, two-sided. */
const T_FOUR = 2.776;

interface Row {
  readonly model: string;
  readonly seed: number;
  readonly float: number;
  readonly mote: number;
  readonly peer: number | null;
}

function save(path: string, dataset: Dataset): void {
  const size = dataset.sample(0).length;
  const x = new Float32Array(dataset.count * size);
  for (let i = 0; i < dataset.count; i++) x.set(dataset.sample(i), i * size);
  writeNpz(path, { x: { shape: [dataset.count, ...dataset.sampleShape], data: x } });
}

function peerAccuracy(model: string, calibration: string, test: string, labels: Int32Array): number | null {
  const python = process.env["MOTE_PYTHON"] ?? "python3";
  const { status, stdout } = spawnSync(python, [PEER, model, calibration, test], {
    encoding: "utf8",
    maxBuffer: 2 ** 24,
  });
  if (status !== 0) return null;
  const { predicted } = JSON.parse(stdout.trim().split("\n").at(-1)!) as { predicted: number[] };
  return predicted.filter((answer, i) => answer === labels[i]).length / labels.length;
}

async function run(model: string, work: string): Promise<Row[]> {
  const path = join(MODELS, model);
  const graph = await readModel(path);
  const { validation, test } = await loadDigits();
  const testPath = join(work, "test.npz");
  save(testPath, test);
  const float = (await evaluateModel(openRunnable(graph), test)).accuracy!;
  const rows: Row[] = [];
  for (const seed of SEEDS) {
    const drawn = new Random(seed).permutation(validation.count).subarray(0, CALIBRATION_SAMPLES);
    const calibration = subset(validation, [...drawn]);
    const calibrationPath = join(work, "calibration.npz");
    save(calibrationPath, calibration);
    const quantized = await quantizeGraph(graph, calibration);
    const mote = (await evaluateModel(openRunnable(quantized.graph), test)).accuracy!;
    const row = {
      model,
      seed,
      float,
      mote,
      peer: peerAccuracy(path, calibrationPath, testPath, test.labels),
    };
    rows.push(row);
    process.stdout.write(
      `${model} seed ${seed}: float ${float} mote ${mote} quantize_static ${row.peer ?? "-"}\n`,
    );
  }
  return rows;
}

/** Mean of mote - peer in points, with half of its 95 % interval; null where the peer could not run. */
function paired(rows: readonly Row[]): { mean: number; halfInterval: number } | null {
  const differences = rows.flatMap(({ mote, peer }) => (peer === null ? [] : [100 * (mote - peer)]));
  if (differences.length < SEEDS.length) return null;
  const mean = differences.reduce((sum, d) => sum + d, 0) / differences.length;
  const variance = differences.reduce((sum, d) => sum + (d - mean) ** 2, 0) / (differences.length - 1);
  return { mean, halfInterval: T_FOUR * Math.sqrt(variance / differences.length) };
}

const work = mkdtempSync(join(tmpdir(), "mote-accuracy-"));
try {
  const results = [];
  for (const model of ["digits-v1.onnx", "digits-v1-pruned.onnx", "digits-v2.onnx"]) {
    const rows = await run(model, work);
    const difference = paired(rows);
    results.push({ model, rows, difference });
    if (difference !== null) {
      const { mean, halfInterval } = difference;
      process.stdout.write(
        `${model}: ${mean.toFixed(3)} +- ${halfInterval.toFixed(3)} points against quantize_static\n`,
      );
    }
  }
  mkdirSync(dirname(RESULTS), { recursive: true });
  writeFileSync(RESULTS, `${JSON.stringify(results, null, 2)}\n`);
} finally {
  rmSync(work, { recursive: true, force: true });
}
