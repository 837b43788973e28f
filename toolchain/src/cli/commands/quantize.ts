import { readFile, stat, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { whatCame } from "@mote/protocol";
import { makePatch } from "@mote/protocol/node";
import Table from "cli-table3";
import type { Command } from "commander";
import { type Dataset, fitToInput, halves, openDataset, spread } from "../../data/index.js";
import { FileError, UnsupportedError, UsageError } from "../../errors.js";
import { evaluateModel } from "../../evaluate/index.js";
import { openRunnable } from "../../execute/runnable.js";
import { modelBytes, readModel, writeModel } from "../../formats/index.js";
import type { Graph } from "../../graph/graph.js";
import {
  CALIBRATION_METHODS,
  type Kept,
  type LayerNoise,
  type QuantizeReport,
  quantizeGraph,
  SCHEMES,
  type Scheme,
} from "../../quantize/index.js";
import { renderCurve } from "../../quantize/update-aware/curve-page.js";
import { describeSignOff } from "../../quantize/update-aware/sign-off.js";
import type { RefitResult, UpdateQuantizing } from "../../train/refit.js";
import type { CliCommand, Io } from "../command.js";
import { describePatches, type FleetPatches, fleetPatches, readHeldModels } from "../fleet-patches.js";
import { interruptible } from "../interruptible.js";
import {
  decibels,
  oneOf,
  points,
  positive,
  requireAccuracy,
  requireWritableModel,
  share,
  wholeNumber,
} from "../options.js";

interface Options {
  readonly data: string;
  readonly test?: string;
  readonly output: string;
  readonly scheme: string;
  readonly calibrate: string;
  readonly samples: string;
  readonly biasCorrect: boolean;
  readonly equalize: boolean;
  readonly adaround?: boolean;
  readonly previous: readonly string[];
  readonly maxLoss: string;
  readonly validate?: string;
  readonly fidelity: string;
  readonly refit: string;
  readonly curve?: string;
  readonly keep?: readonly string[];
  readonly keepWorst: string;
  readonly minSqnr?: string;
  readonly sensitivity?: boolean;
  readonly minAccuracy?: string;
}

export const command: CliCommand = {
  name: "quantize",
  summary: "a float model to integers, calibrated on real data, with its accuracy before and after",
  configure(command: Command, io: Io) {
    command
      .argument("<model>", "float model (.onnx, .tflite, .h5, .keras, model.json)")
      .requiredOption("--data <set>", "calibration data: .npz, .npy or a folder with one folder per class")
      .requiredOption("-o, --output <file>", "where to write; .onnx (QDQ) or .tflite by its ending")
      .option("--test <set>", "labelled data to measure accuracy on, other than the calibration data")
      .option("--scheme <scheme>", "int8, or int16x8: activations of 16 bits, weights of 8", "int8")
      .option(
        "--calibrate <method>",
        `${CALIBRATION_METHODS.join(", ")}; auto compares what comes out`,
        "auto",
      )
      .option("--samples <n>", "calibrate on at most n samples, evenly spread over the set", "512")
      .option(
        "--keep <names=width...>",
        "layers or tensors, separated by commas, kept at int16 or float: --keep head=int16",
      )
      .option("--keep-worst <n>", "keep the n activations that cost the output most at int16", "0")
      .option("--min-sqnr <db>", "keep as few at int16 as it takes to reach this signal over output noise")
      .option("--sensitivity", "rank the layers by what quantizing each alone does to the output")
      .option("--adaround", "round each weight up or down for the layer's output, not to its nearest code")
      .option("--no-equalize", "never move scales between layers")
      .option("--no-bias-correct", "leave the biases as they are")
      .option(
        "--previous <model>",
        "the int8 model that devices hold: round so that the update is small; repeat it for further versions in the fleet, the one to be rounded for first",
        (path: string, others: readonly string[]) => [...others, path],
        [],
      )
      .option(
        "--max-loss <points>",
        "with --previous: points of accuracy that the small update may cost",
        "0.2",
      )
      .option(
        "--fidelity <share>",
        "with --previous: how much of the change of the logits must arrive",
        "0.95",
      )
      .option(
        "--validate <set>",
        "with --previous: labelled data on which that cost is measured; default: every other sample of --data",
      )
      .option(
        "--refit <rounds>",
        "with --previous: retrain what changes on --data, so that less has to; 6 rounds suffice",
        "0",
      )
      .option("--curve <file>", "with --previous: accuracy against bytes of the update, as a page (.html)")
      .option("--min-accuracy <share>", "exit 3 when the int8 accuracy is below, for instance 0.97")
      .addHelpText(
        "after",
        "\nExample:\n  mote quantize digits.onnx --data calibration.npz --test test.npz -o digits-int8.onnx --min-accuracy 0.97",
      )
      .action((model: string, options: Options) => quantize(model, options, io));
  },
};

async function quantize(path: string, options: Options, io: Io): Promise<void> {
  const method = oneOf("--calibrate", options.calibrate, ["auto", ...CALIBRATION_METHODS]);
  const scheme = schemeOf(options.scheme);
  const keep = keptLayers(options.keep ?? []);
  // Before minutes of calibration, not after them.
  await requireWritableModel(options.output);
  requirePrevious(options);
  const floatGraph = await readModel(path);
  const held = await readHeldModels(options.previous, floatGraph);
  const input = floatGraph.tensors.get(floatGraph.inputs[0]!)!;
  const open = async (set: string): Promise<Dataset> =>
    fitToInput(await openDataset(set, { sampleShape: input.shape.slice(1) }), input);
  const data = await open(options.data);
  const test = options.test === undefined ? data : await open(options.test);
  const rounds = wholeNumber("--refit", options.refit, 0, 20);
  // Never the test set: what chooses the rounding must not also judge it. Nor what it is fitted to.
  const [fitted, apart] =
    options.validate === undefined ? halves(data) : [data, await open(options.validate)];
  const calibration = spread(held.length === 0 ? data : fitted, positive("--samples", options.samples));
  const bar = io.progress("calibrating");
  const layerBar = io.progress("quantizing each layer alone");
  const updateBar = io.progress("rounding towards the previous model");
  const recipe = {
    scheme,
    calibrate: method,
    biasCorrect: options.biasCorrect,
    equalize: options.equalize,
    adaround: options.adaround === true,
    keep,
    keepWorst: wholeNumber("--keep-worst", options.keepWorst, 0, 10_000),
    ...(options.minSqnr !== undefined && { leastSqnrDb: decibels("--min-sqnr", options.minSqnr) }),
    sensitivity: options.sensitivity === true,
    progress: bar.update,
    sensitivityProgress: layerBar.update,
  };
  const [rounded] = held;
  const update = rounded !== undefined && {
    previous: rounded.graph,
    maxLossPoints: points("--max-loss", options.maxLoss),
    leastFidelity: share("--fidelity", options.fidelity),
    validation: apart,
    patchBytes: async (candidate: Graph) =>
      (await makePatch("tensor", rounded.bytes, await modelBytes(candidate, options.output)))!.length,
    wholeCurve: options.curve !== undefined,
    updateProgress: updateBar.update,
  };
  const refitBar = io.progress("retraining what changes");
  const { graph, report } =
    update && rounds > 0
      ? await refitted(
          floatGraph,
          calibration,
          fitted,
          { ...recipe, ...update },
          {
            rounds,
            output: options.output,
            progress: refitBar.update,
          },
        ).finally(() => refitBar.stop())
      : await quantizeGraph(floatGraph, calibration, { ...recipe, ...update });
  updateBar.stop();
  bar.stop();
  layerBar.stop();
  await writeModel(graph, options.output);
  const fleet =
    held.length === 0 ? undefined : await fleetPatches(held, new Uint8Array(await readFile(options.output)));
  if (options.curve !== undefined) await writeCurve(options.curve, options.output, report, fleet!);
  const accuracy = test.labels === undefined ? null : await measure(floatGraph, graph, test, io);
  const bytesBefore = (await stat(path)).size;
  const bytesAfter = (await stat(options.output)).size;
  io.json({
    output: options.output,
    ...report,
    ...(fleet && { patches: fleet.patches, fullBytes: fleet.fullBytes }),
    accuracyBefore: accuracy?.before ?? null,
    accuracyAfter: accuracy?.after ?? null,
    agreement: accuracy?.agreement ?? null,
    accuracySamples: test.labels === undefined ? 0 : test.count,
    bytesBefore,
    bytesAfter,
  });
  io.say(describe(options, report, accuracy, test.count, bytesBefore, bytesAfter, fleet));
  requireAccuracy(options.minAccuracy, accuracy?.after);
}

/** Options that say nothing without a model to be rounded for. */
function requirePrevious(options: Options): void {
  const alone = [
    ...(options.curve === undefined ? [] : ["--curve"]),
    ...(options.validate === undefined ? [] : ["--validate"]),
    ...(options.refit === "0" ? [] : ["--refit"]),
  ];
  if (options.previous.length > 0 || alone.length === 0) return;
  throw new UsageError({
    expected: `--previous MODEL with ${alone.join(" and ")}`,
    got: "no model that devices hold",
    todo: "Name the int8 model that was shipped before.",
  });
}

async function writeCurve(
  path: string,
  output: string,
  report: QuantizeReport,
  fleet: FleetPatches,
): Promise<void> {
  const page = {
    model: basename(output),
    report: report.update!,
    newBytes: (await stat(output)).size,
    fullBytes: fleet.fullBytes,
    patches: fleet.patches.map((patch) => ({ ...patch, previous: basename(patch.previous) })),
  };
  await writeFile(path, renderCurve(page)).catch((cause: unknown) => {
    throw new FileError({
      expected: `a place to write ${path}`,
      got: whatCame(cause),
      todo: `Check the folder and its rights; ${output} is written.`,
      cause,
    });
  });
}

/** The trainer is loaded only here: plain quantization must not wait for it. */
async function refitted(
  floatGraph: Graph,
  calibration: Dataset,
  data: Dataset,
  quantizing: UpdateQuantizing,
  {
    rounds,
    output,
    progress,
  }: { rounds: number; output: string; progress: (done: number, total: number) => void },
): Promise<RefitResult> {
  const { openTensorFlow } = await import("../../train/tensorflow.js");
  const { quantizeWithRefit } = await import("../../train/refit.js");
  const training = await openTensorFlow();
  return interruptible(`Nothing was written to ${output}.`, (signal) =>
    quantizeWithRefit(training, floatGraph, calibration, data, quantizing, {
      rounds,
      seed: REFIT_SEED,
      signal,
      onProgress: ({ step, steps }) => progress(step, steps),
    }),
  );
}

/** Fixed, so that the same command gives the same file. */
const REFIT_SEED = 1;

interface Accuracy {
  readonly before: number;
  readonly after: number;
  readonly agreement: number;
}

async function measure(floatGraph: Graph, graph: Graph, test: Dataset, io: Io): Promise<Accuracy> {
  const bar = io.progress("measuring");
  const result = await evaluateModel(openRunnable(graph), test, {
    against: openRunnable(floatGraph),
    progress: bar.update,
  });
  bar.stop();
  return { before: result.againstAccuracy!, after: result.accuracy!, agreement: result.agreement! };
}

function describe(
  options: Options,
  report: QuantizeReport,
  accuracy: Accuracy | null,
  samples: number,
  bytesBefore: number,
  bytesAfter: number,
  fleet: FleetPatches | undefined,
): string {
  const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
  const lines = report.steps.map((step) => `  ${step}`);
  if (accuracy !== null) {
    const place = options.test === undefined ? "the calibration set, which flatters" : `"${options.test}"`;
    lines.push(
      `  accuracy ${percent(accuracy.before)} float -> ${percent(accuracy.after)} ${report.scheme} on ${samples} samples of ${place}; same answer on ${percent(accuracy.agreement)}`,
    );
  }
  lines.push(`  ${bytesBefore} -> ${bytesAfter} bytes: ${options.output}`);
  if (fleet !== undefined) lines.push(...describePatches(fleet, options.output));
  if (report.update !== undefined) lines.push(...describeSignOff(report.update));
  if (report.sensitivity !== undefined) lines.push(sensitivityTable(report.sensitivity));
  return [`quantized to ${report.scheme} (${report.rounding} rounding)`, ...lines].join("\n");
}

function schemeOf(given: string): Scheme {
  if (given !== "int4") return oneOf("--scheme", given, SCHEMES);
  throw new UnsupportedError({
    expected: `--scheme ${SCHEMES.join(" or ")}`,
    got: "int4, which Mote does not quantize to yet",
    todo: "Quantize to int8; mote prune and mote optimize make a model smaller still.",
  });
}

/** "a,b=int16": the names end at the last equals sign, because names may contain one. */
function keptLayers(given: readonly string[]): Kept {
  const kept = { int16: [] as string[], float: [] as string[] };
  for (const text of given) {
    const at = text.lastIndexOf("=");
    const width = oneOf("--keep NAME[,NAME...]=WIDTH", at < 0 ? text : text.slice(at + 1), [
      "int16",
      "float",
    ]);
    kept[width].push(...text.slice(0, at).split(","));
  }
  return kept;
}

/** Layers shown to people; --json has all. */
const MOST_SHOWN = 12;

function sensitivityTable(ranking: readonly LayerNoise[]): string {
  const table = new Table({
    head: ["#", "layer alone", "operator", "output SQNR", "its weights", "its output"],
    colAligns: ["right", "left", "left", "right", "right", "right"],
    style: { head: [], border: [], compact: true },
  });
  const db = (value: number | null): string => (value === null ? "-" : `${value.toFixed(1)} dB`);
  for (const [i, layer] of ranking.slice(0, MOST_SHOWN).entries()) {
    table.push([
      String(i + 1),
      layer.tensor.length > 48 ? `…${layer.tensor.slice(-47)}` : layer.tensor,
      layer.operator,
      db(layer.sqnrDb),
      db(layer.weightsSqnrDb),
      db(layer.activationSqnrDb),
    ]);
  }
  return table.toString();
}
