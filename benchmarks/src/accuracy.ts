import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { subset } from "@mote/toolchain/data/index";
import { evaluateModel, type LayerError } from "@mote/toolchain/evaluate/index";
import { openRunnable } from "@mote/toolchain/execute/runnable";
import type { Graph } from "@mote/toolchain/graph/graph";
import { quantizeGraph } from "@mote/toolchain/quantize/index";
import { Random } from "@mote/toolchain/train/random";
import { simplify } from "@mote/toolchain/transform/index";
import { CASES, type Case } from "./accuracy/cases.js";
import { type Outputs, outputsOf, Peer } from "./accuracy/contestants.js";
import { type Paired, paired, type Score, scoreOf, verdict } from "./accuracy/score.js";

/**
 * npm run bench:accuracy [case …]: accuracy after int8 beside onnxruntime's quantize_static on the same calibration
 * samples and beside the int8 files that MLPerf Tiny publishes, five draws of the samples each, as paired differences
 * with their 95 % interval. Points are right answers where there are labels, else answers that the float model gives
 * too; noise is that of the outputs. Prints a table, writes results/accuracy.json.
 * MOTE_PYTHON names a Python with onnxruntime, onnx and numpy; without it the peer has no figure.
 */

const RESULTS = resolve(import.meta.dirname, "../results/accuracy.json");
const SEEDS = [1, 2, 3, 4, 5] as const;
/** Samples on which noise is measured layer by layer. */
const LAYER_SAMPLES = 20;

interface Row {
  readonly seed: number;
  readonly floatPoints: number | null;
  readonly mote: Score;
  readonly quantizeStatic: Score | null;
  readonly published: Score | null;
  readonly plainMinMax: Score | null;
}

/** Our integers beside the same model, written as QDQ, in ONNX Runtime, which requantizes in float. */
interface RuntimeDifference {
  readonly equalShare: number;
  readonly greatestSteps: number;
  readonly sameAnswers: number | null;
}

interface Result {
  readonly name: string;
  readonly calibrationSamples: number;
  readonly testSamples: number;
  readonly rows: readonly Row[];
  /** Ours minus theirs, over the seeds. */
  readonly against: Readonly<Record<string, { points: Paired | null; sqnrDb: Paired | null }>>;
  readonly inOnnxRuntime: RuntimeDifference | null;
  /** Of the first seed, noisiest first. */
  readonly layers: readonly LayerError[];
}

async function contest(one: Case, peer: Peer): Promise<Result> {
  const rows: Row[] = [];
  let inOnnxRuntime: RuntimeDifference | null = null;
  let layers: LayerError[] = [];
  for (const seed of SEEDS) {
    const graph = one.graphFor(seed);
    const { test } = one;
    const float = await outputsOf(graph, test);
    const score = (outputs: Outputs) => scoreOf(float, outputs, test.labels, one.isClassifier);
    const drawn = new Random(seed).permutation(one.pool.count).subarray(0, one.calibrationSamples);
    const calibration = subset(one.pool, [...drawn]);
    const { graph: integers } = await quantizeGraph(graph, calibration);
    const outputs = await outputsOf(integers, test);
    const theirs = peer.quantized(graph, calibration, test);
    const plain = one.isAgainstPlain
      ? await quantizeGraph(graph, calibration, { calibrate: "minmax", equalize: false, biasCorrect: false })
      : null;
    if (seed === SEEDS[0]) {
      inOnnxRuntime = difference(integers, outputs, peer.run(integers, test), one.isClassifier);
      layers = await noisiest(graph, integers, one);
    }
    const row: Row = {
      seed,
      floatPoints: score(float).points,
      mote: score(outputs),
      quantizeStatic: theirs && score(theirs),
      published: one.published === undefined ? null : score(await outputsOf(one.published, test)),
      plainMinMax: plain && score(await outputsOf(plain.graph, test)),
    };
    rows.push(row);
    process.stdout.write(`${one.name}, seed ${seed}: ${describe(row)}\n`);
  }
  const against = Object.fromEntries(
    (["quantizeStatic", "published", "plainMinMax"] as const).map((other) => [other, compare(rows, other)]),
  );
  return {
    name: one.name,
    calibrationSamples: one.calibrationSamples,
    testSamples: one.test.count,
    rows,
    against,
    inOnnxRuntime,
    layers,
  };
}

function compare(
  rows: readonly Row[],
  other: "quantizeStatic" | "published" | "plainMinMax",
): Result["against"][string] {
  const pairs = rows.flatMap((row) => (row[other] === null ? [] : [{ ours: row.mote, theirs: row[other] }]));
  const points = pairs.flatMap(({ ours, theirs }) =>
    ours.points === null || theirs.points === null ? [] : [ours.points - theirs.points],
  );
  return {
    points: paired(points),
    sqnrDb: paired(pairs.map(({ ours, theirs }) => ours.sqnrDb - theirs.sqnrDb)),
  };
}

function difference(
  graph: Graph,
  ours: Outputs,
  theirs: Outputs | null,
  isClassifier: boolean,
): RuntimeDifference | null {
  if (theirs === null) return null;
  const step = graph.tensors.get(graph.outputs[0]!)!.quantization!.scale[0]!;
  const steps = ours.flatMap((values, i) =>
    [...values].map((value, k) => Math.round(Math.abs(value - theirs[i]![k]!) / step)),
  );
  const same = scoreOf(ours, theirs, undefined, isClassifier).points;
  return {
    equalShare: steps.filter((count) => count === 0).length / steps.length,
    greatestSteps: steps.reduce((most, count) => Math.max(most, count), 0),
    sameAnswers: same === null ? null : same / 100,
  };
}

async function noisiest(graph: Graph, integers: Graph, one: Case): Promise<LayerError[]> {
  const few = subset(
    one.test,
    Array.from({ length: Math.min(LAYER_SAMPLES, one.test.count) }, (_, i) => i),
  );
  const against = openRunnable(simplify(graph), { keep: true });
  const { layers } = await evaluateModel(openRunnable(integers, { keep: true }), few, {
    against,
    layers: true,
  });
  return [...(layers ?? [])].sort(
    (a, b) => (a.sqnrDb ?? Number.POSITIVE_INFINITY) - (b.sqnrDb ?? Number.POSITIVE_INFINITY),
  );
}

function describe(row: Row): string {
  const text = (name: string, score: Score | null) =>
    score === null
      ? ""
      : ` ${name} ${score.points === null ? "" : `${score.points.toFixed(2)}, `}${score.sqnrDb.toFixed(1)} dB;`;
  return (
    `float ${row.floatPoints?.toFixed(2) ?? "-"};${text("mote", row.mote)}` +
    `${text("quantize_static", row.quantizeStatic)}${text("published", row.published)}${text("plain", row.plainMinMax)}`
  );
}

function table(results: readonly Result[]): string {
  const lines = results.flatMap(({ name, against, inOnnxRuntime, layers }) => {
    const rows = Object.entries(against).flatMap(([other, { points, sqnrDb }]) =>
      sqnrDb === null
        ? []
        : [
            `  against ${other.padEnd(16)} ${span(points, "points")} ${verdict(points)}; ${span(sqnrDb, "dB")} ${verdict(sqnrDb)}`,
          ],
    );
    const [worst] = layers;
    return [
      name,
      ...rows,
      ...(inOnnxRuntime === null
        ? []
        : [
            `  written as QDQ, in ONNX Runtime: ${(100 * inOnnxRuntime.equalShare).toFixed(2)} % of outputs equal ours, ` +
              `the others by at most ${inOnnxRuntime.greatestSteps} steps`,
          ]),
      ...(worst === undefined
        ? []
        : [`  noisiest layer: ${worst.tensor}, ${worst.sqnrDb?.toFixed(1) ?? "-"} dB`]),
    ];
  });
  return lines.join("\n");
}

function span(difference: Paired | null, unit: string): string {
  if (difference === null) return `- ${unit}`;
  const sign = difference.mean >= 0 ? "+" : "";
  return `${sign}${difference.mean.toFixed(3)} +- ${difference.halfInterval.toFixed(3)} ${unit}`;
}

/** Cases that were not asked for this time keep what they had. */
function save(results: readonly Result[], onnxruntime: string | null): void {
  const known = existsSync(RESULTS)
    ? (JSON.parse(readFileSync(RESULTS, "utf8")) as { results?: Result[] })
    : {};
  const made = new Map([...(known.results ?? []), ...results].map((result) => [result.name, result]));
  const all = Object.keys(CASES).flatMap((name) => made.get(name) ?? []);
  mkdirSync(dirname(RESULTS), { recursive: true });
  writeFileSync(RESULTS, `${JSON.stringify({ onnxruntime, results: all }, null, 2)}\n`);
}

const wanted = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "mote-accuracy-"));
const results: Result[] = [];
try {
  const peer = new Peer(folder);
  for (const [name, make] of Object.entries(CASES)) {
    if (wanted.length > 0 && !wanted.some((part) => name.includes(part))) continue;
    const one = await make();
    if (one === null) process.stdout.write(`${name}: skipped, its data are not here\n`);
    else results.push(await contest({ ...one, name }, peer));
  }
  process.stdout.write(`\n${table(results)}\n`);
  save(results, peer.version);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
