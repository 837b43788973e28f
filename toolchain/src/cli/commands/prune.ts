import { statSync } from "node:fs";
import type { Command } from "commander";
import { type Dataset, fitToInput, openDataset } from "../../data/index.js";
import { UsageError } from "../../errors.js";
import { readModel, writeModel } from "../../formats/index.js";
import { countMacs, countNonZero, countParameters } from "../../graph/cost.js";
import { type Comparison, compareModels } from "../../train/compare.js";
import { holdOut } from "../../train/holdout.js";
import { type PruneStructure, pruneAndRecover } from "../../train/recover.js";
import { openTensorFlow } from "../../train/tensorflow.js";
import type { CliCommand, Io } from "../command.js";
import { interruptible } from "../interruptible.js";
import { oneOf, wholeNumber } from "../options.js";

const STRUCTURES: readonly PruneStructure[] = ["channel", "weight", "2:4"];

interface Options {
  readonly data: string;
  readonly output: string;
  readonly sparsity: string;
  readonly structure: string;
  readonly epochs: string;
  readonly test?: string;
  readonly align: string;
  readonly seed: string;
}

export const command: CliCommand = {
  name: "prune",
  summary: "make a float model smaller by cutting what matters least, and let it recover on data",
  configure(command: Command, io: Io) {
    command
      .argument("<model>", "a float model")
      .requiredOption("--data <set>", "what it recovers on; labels are used where there are any")
      .requiredOption("-o, --output <file>", "the pruned model; the extension names the format")
      .option(
        "--sparsity <share>",
        "channel: share of the removable channels to remove; weight: share of the weights to set to zero",
        "0.5",
      )
      .option(
        "--structure <kind>",
        "channel (a smaller dense model), weight or 2:4 (same size, more zeros)",
        "channel",
      )
      .option("--epochs <n>", "passes over the data in which it learns from the unpruned model", "2")
      .option("--test <set>", "measure accuracy on this set (without it: on a tenth of --data, set aside)")
      .option("--align <n>", "channels that a layer keeps are a multiple of this", "4")
      .option(
        "--seed <n>",
        "the same seed gives the same model (with MOTE_TF_BACKEND=wasm: to the byte)",
        "1",
      )
      .addHelpText(
        "after",
        "\nExample:\n  mote prune digits.onnx --data train.npz -o small.onnx --sparsity 0.5 --structure channel --epochs 2\n",
      )
      .action((model: string, options: Options) => prune(model, options, io));
  },
};

async function prune(path: string, options: Options, io: Io): Promise<void> {
  const settings = {
    structure: oneOf("--structure", options.structure, STRUCTURES),
    sparsity: sparsityOf(options.sparsity),
    epochs: wholeNumber("--epochs", options.epochs, 0, 1000),
    align: wholeNumber("--align", options.align, 1, 64),
    seed: wholeNumber("--seed", options.seed, 0, 2 ** 48),
  };
  const graph = await readModel(path);
  const input = graph.tensors.get(graph.inputs[0]!)!;
  const open = async (set: string): Promise<Dataset> =>
    fitToInput(await openDataset(set, { sampleShape: input.shape.slice(1) }), input);
  const all = await open(options.data);
  const { training: data, held } =
    options.test === undefined
      ? holdOut(all, settings.seed)
      : { training: all, held: await open(options.test) };

  const training = await openTensorFlow();
  io.say(training.note);
  const bar = io.progress("recovering");
  const result = await interruptible(`Nothing was written to ${options.output}.`, (signal) =>
    pruneAndRecover(training, graph, data, {
      ...settings,
      signal,
      onProgress: ({ step, steps }) => bar.update(step, steps),
    }),
  ).finally(() => bar.stop());
  const compared = compareModels(training, graph, result.graph, held);
  await writeModel(result.graph, options.output);
  const document = {
    structure: settings.structure,
    sparsity: settings.structure === "2:4" ? 0.5 : settings.sparsity,
    ...(settings.structure === "channel" && {
      removableChannels: result.removableChannels,
      removedChannels: result.removedChannels,
    }),
    epochs: settings.epochs,
    seed: settings.seed,
    backend: training.backend,
    ...compared,
    evaluatedOn: {
      samples: held.count,
      set: options.test ?? `a tenth of ${options.data} that recovery did not see`,
    },
    bytesBefore: statSync(path).size,
    bytesAfter: statSync(options.output).size,
    macsBefore: countMacs(graph),
    macsAfter: countMacs(result.graph),
    parametersBefore: countParameters(graph),
    parametersAfter: countParameters(result.graph),
    nonZeroAfter: countNonZero(result.graph),
    output: options.output,
  };
  io.json(document);
  io.say(describe(document));
}

interface Document extends Comparison {
  readonly structure: PruneStructure;
  readonly evaluatedOn: { readonly samples: number; readonly set: string };
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  readonly macsBefore: number;
  readonly macsAfter: number;
  readonly parametersBefore: number;
  readonly parametersAfter: number;
  readonly nonZeroAfter: number;
  readonly output: string;
}

function describe(document: Document): string {
  const percent = (share: number | null): string =>
    share === null ? "unknown" : `${(share * 100).toFixed(2)} %`;
  const change = (before: number, after: number): string =>
    `${before} -> ${after} (${percent(after / Math.max(1, before))})`;
  const { samples, set } = document.evaluatedOn;
  const lines = [
    `accuracy    ${percent(document.accuracyBefore)} -> ${percent(document.accuracyAfter)} on ${samples} samples (${set})`,
    `agreement   ${percent(document.agreement)} with the unpruned model`,
    `MACs        ${change(document.macsBefore, document.macsAfter)}`,
    `parameters  ${change(document.parametersBefore, document.parametersAfter)}`,
    `bytes       ${change(document.bytesBefore, document.bytesAfter)}`,
  ];
  if (document.structure !== "channel")
    lines.push(
      `non-zero    ${document.nonZeroAfter}; file, memory and time stay as they are: zeros pay off in compression and in small updates only`,
    );
  return [...lines, `written     ${document.output}`].join("\n");
}

function sparsityOf(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= 0 && value <= 0.95) return value;
  throw new UsageError({
    expected: "--sparsity from 0 to 0.95",
    got: `"${text}"`,
    todo: "0.5 removes half of what can be removed.",
  });
}
