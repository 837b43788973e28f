import { statSync } from "node:fs";
import type { Command } from "commander";
import { openDataset } from "../../data/index.js";
import { InterruptedError, UsageError } from "../../errors.js";
import { readModel, writeModel } from "../../formats/index.js";
import { countMacs, countParameters } from "../../graph/cost.js";
import type { Graph } from "../../graph/graph.js";
import { compareModels } from "../../train/compare.js";
import { holdOut } from "../../train/holdout.js";
import { type PruneStructure, pruneAndRecover } from "../../train/recover.js";
import { openTensorFlow } from "../../train/tensorflow.js";
import type { CliCommand, Io } from "../command.js";

const STRUCTURES: readonly string[] = ["channel", "weight", "2:4"] satisfies PruneStructure[];

interface PruneCommandOptions {
  readonly data: string;
  readonly out: string;
  readonly sparsity: string;
  readonly structure: string;
  readonly epochs: string;
  readonly evaluate?: string;
  readonly align: string;
  readonly seed: string;
}

export const command: CliCommand = {
  name: "prune",
  summary: "make a float model smaller by cutting what matters least, and let it recover on data",
  configure(sub, io) {
    configure(sub, io);
  },
};

function configure(command: Command, io: Io): void {
  command
    .argument("<model>", "a float model")
    .requiredOption("--data <set>", "what it recovers on; labels are used where there are any")
    .requiredOption("-o, --out <file>", "the pruned model; the extension names the format")
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
    .option("--evaluate <set>", "measure accuracy on this set (without it: on a tenth of --data, set aside)")
    .option("--align <n>", "channels that a layer keeps are a multiple of this", "4")
    .option("--seed <n>", "the same seed gives the same model (with MOTE_TF_BACKEND=wasm: to the byte)", "1")
    .addHelpText(
      "after",
      "\nExample:\n  mote prune digits.onnx --data train.npz -o small.onnx --sparsity 0.5 --structure channel --epochs 2\n",
    )
    .action((model: string, options: PruneCommandOptions) => prune(model, options, io));
}

async function prune(path: string, options: PruneCommandOptions, io: Io): Promise<void> {
  const settings = {
    structure: structureOf(options.structure),
    sparsity: numberOf("--sparsity", options.sparsity, 0, 0.95),
    epochs: integerOf("--epochs", options.epochs, 0, 1000),
    align: integerOf("--align", options.align, 1, 64),
    seed: integerOf("--seed", options.seed, 0, 2 ** 48),
  };
  const graph = await readModel(path);
  const sampleShape = graph.tensors.get(graph.inputs[0]!)!.shape.slice(1);
  const all = await openDataset(options.data, { sampleShape });
  const { training: data, held } =
    options.evaluate === undefined
      ? holdOut(all, settings.seed)
      : { training: all, held: await openDataset(options.evaluate, { sampleShape }) };

  const training = await openTensorFlow();
  io.say(training.note);
  const interrupt = new AbortController();
  const onInterrupt = (): void => interrupt.abort();
  process.once("SIGINT", onInterrupt);
  const bar = io.progress("recovering");
  try {
    const result = await pruneAndRecover(training, graph, data, {
      ...settings,
      signal: interrupt.signal,
      onProgress: ({ step, steps }) => bar.update(step, steps),
    });
    bar.stop();
    if (!result.completed) throw interrupted(options.out);
    const compared = compareModels(training, graph, result.graph, held);
    await writeModel(result.graph, options.out);
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
        set: options.evaluate ?? `a tenth of ${options.data} that recovery did not see`,
      },
      bytesBefore: statSync(path).size,
      bytesAfter: statSync(options.out).size,
      macsBefore: countMacs(graph),
      macsAfter: countMacs(result.graph),
      parametersBefore: countParameters(graph),
      parametersAfter: countParameters(result.graph),
      nonZeroAfter: countNonZero(result.graph),
      out: options.out,
    };
    io.json(document);
    report(document, io);
  } catch (error) {
    if (interrupt.signal.aborted) throw interrupted(options.out);
    throw error;
  } finally {
    bar.stop();
    process.off("SIGINT", onInterrupt);
  }
}

function report(
  document: {
    readonly accuracyBefore: number | null;
    readonly accuracyAfter: number | null;
    readonly agreement: number | null;
    readonly evaluatedOn: { readonly samples: number; readonly set: string };
    readonly bytesBefore: number;
    readonly bytesAfter: number;
    readonly macsBefore: number;
    readonly macsAfter: number;
    readonly parametersBefore: number;
    readonly parametersAfter: number;
    readonly nonZeroAfter: number;
    readonly structure: PruneStructure;
    readonly out: string;
  },
  io: Io,
): void {
  const percent = (share: number | null): string =>
    share === null ? "unknown" : `${(share * 100).toFixed(2)} %`;
  const change = (before: number, after: number): string =>
    `${before} -> ${after} (${percent(after / Math.max(1, before))})`;
  io.say(
    `accuracy    ${percent(document.accuracyBefore)} -> ${percent(document.accuracyAfter)} on ${document.evaluatedOn.samples} samples (${document.evaluatedOn.set})`,
  );
  io.say(`agreement   ${percent(document.agreement)} with the unpruned model`);
  io.say(`MACs        ${change(document.macsBefore, document.macsAfter)}`);
  io.say(`parameters  ${change(document.parametersBefore, document.parametersAfter)}`);
  io.say(`bytes       ${change(document.bytesBefore, document.bytesAfter)}`);
  if (document.structure !== "channel") {
    io.say(
      `non-zero    ${document.nonZeroAfter}; the file and its dense kernels stay the same size: zeros pay off in compression and in small updates`,
    );
  }
  io.say(`written     ${document.out}`);
}

function interrupted(out: string): InterruptedError {
  return new InterruptedError({
    expected: "recovery to run to its end",
    got: "an interrupt",
    todo: `Nothing was written to ${out}; run it again, with fewer --epochs if it takes too long.`,
  });
}

function countNonZero(graph: Graph): number {
  let count = 0;
  for (const { data } of graph.tensors.values())
    if (data instanceof Float32Array) for (const value of data) if (value !== 0) count++;
  return count;
}

function structureOf(text: string): PruneStructure {
  if (STRUCTURES.includes(text)) return text as PruneStructure;
  throw new UsageError({
    expected: `--structure ${STRUCTURES.join(", ")}`,
    got: `"${text}"`,
    todo: "channel makes a smaller dense model and is what most targets gain from.",
  });
}

function numberOf(option: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text !== "" && value >= least && value <= most) return value;
  throw new UsageError({
    expected: `${option} from ${least} to ${most}`,
    got: `"${text}"`,
    todo: "Give a number in that range.",
  });
}

function integerOf(option: string, text: string, least: number, most: number): number {
  const value = numberOf(option, text, least, most);
  if (Number.isSafeInteger(value)) return value;
  throw new UsageError({
    expected: `a whole number for ${option}`,
    got: `"${text}"`,
    todo: "Leave the fraction out.",
  });
}
