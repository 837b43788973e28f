import type { Command } from "commander";
import { type Dataset, fitToInput, openDataset, subset } from "../../data/index.js";
import { UsageError } from "../../errors.js";
import { evaluateModel } from "../../evaluate/index.js";
import { openRunnable } from "../../execute/runnable.js";
import { readModel, writeModel } from "../../formats/index.js";
import type { Graph } from "../../graph/graph.js";
import { quantizeGraph } from "../../quantize/index.js";
import { compareModels } from "../../train/compare.js";
import { Differentiable } from "../../train/differentiable.js";
import { holdOut } from "../../train/holdout.js";
import { quantizationAwareHooks } from "../../train/quantization-aware.js";
import { answers } from "../../train/recover.js";
import { openTensorFlow, type Training } from "../../train/tensorflow.js";
import { type Distillation, fit } from "../../train/trainer.js";
import { simplify } from "../../transform/index.js";
import type { CliCommand, Io } from "../command.js";
import { interruptible } from "../interruptible.js";
import { wholeNumber } from "../options.js";

interface Options {
  readonly data: string;
  readonly output: string;
  readonly epochs: string;
  readonly learningRate: string;
  readonly teacher?: string;
  readonly quantizationAware?: true;
  readonly test?: string;
  readonly seed: string;
}

const CALIBRATION_SAMPLES = 256;
const DISTILLATION = { temperature: 3, weight: 0.6 } as const;

export const command: CliCommand = {
  name: "train",
  summary: "fine-tune a float model: on new data, from a teacher, or for the int8 that it will become",
  configure(command: Command, io: Io) {
    command
      .argument("<model>", "a float model")
      .requiredOption("--data <set>", "what it learns from; without labels a teacher is needed")
      .requiredOption("-o, --output <file>", "the trained float model")
      .option("--epochs <n>", "passes over the data", "3")
      .option("--learning-rate <rate>", "of Adam, at the top of a cosine", "0.0005")
      .option("--teacher <model>", "a larger float model whose answers it learns (distillation)")
      .option("--quantization-aware", "train on the int8 grid; quantize the result as usual afterwards")
      .option("--test <set>", "measure on this set (without it: on a tenth of --data, set aside)")
      .option(
        "--seed <n>",
        "the same seed gives the same model (with MOTE_TF_BACKEND=wasm: to the byte)",
        "1",
      )
      .addHelpText(
        "after",
        "\nExample:\n  mote train small.onnx --data train.npz --teacher large.onnx --quantization-aware -o tuned.onnx\n",
      )
      .action((model: string, options: Options) => train(model, options, io));
  },
};

async function train(path: string, options: Options, io: Io): Promise<void> {
  const seed = wholeNumber("--seed", options.seed, 0, 2 ** 48);
  const epochs = wholeNumber("--epochs", options.epochs, 1, 10_000);
  const learningRate = rate(options.learningRate);
  const original = await readModel(path);
  const isAware = options.quantizationAware === true;
  // A folded batch norm has no statistics left to move, and its grid is the one that devices will use.
  const graph = isAware ? simplify(original) : original;
  const input = graph.tensors.get(graph.inputs[0]!)!;
  const open = async (set: string): Promise<Dataset> =>
    fitToInput(await openDataset(set, { sampleShape: input.shape.slice(1) }), input);
  const all = await open(options.data);
  const { training: data, held } =
    options.test === undefined ? holdOut(all, seed) : { training: all, held: await open(options.test) };
  const calibration = some(data, CALIBRATION_SAMPLES);

  const training = await openTensorFlow();
  io.say(training.note);
  const distillation =
    options.teacher === undefined ? undefined : await teach(training, options.teacher, data);
  const hooks = isAware ? await quantizationAwareHooks(training, graph, calibration) : undefined;
  const model = new Differentiable(training, graph, hooks === undefined ? {} : { hooks });
  const bar = io.progress("training");
  await interruptible(`Nothing was written to ${options.output}.`, (signal) =>
    fit(model, data, {
      epochs,
      learningRate,
      seed,
      schedule: "cosine",
      ...(distillation && { distillation }),
      signal,
      onProgress: ({ step, steps }) => bar.update(step, steps),
    }),
  ).finally(() => bar.stop());
  const trained = model.toGraph();
  model.dispose();
  const compared = compareModels(training, graph, trained, held);
  await writeModel(trained, options.output);
  const document = {
    epochs,
    seed,
    backend: training.backend,
    quantizationAware: isAware,
    ...compared,
    ...(isAware && {
      int8AccuracyBefore: await int8Accuracy(original, calibration, held),
      int8AccuracyAfter: await int8Accuracy(trained, calibration, held),
    }),
    evaluatedOn: {
      samples: held.count,
      set: options.test ?? `a tenth of ${options.data} that training did not see`,
    },
    output: options.output,
  };
  io.json(document);
  const percent = (share: number | null | undefined): string =>
    share === null || share === undefined ? "unknown" : `${(share * 100).toFixed(2)} %`;
  io.say(
    `accuracy  ${percent(compared.accuracyBefore)} -> ${percent(compared.accuracyAfter)} on ${held.count} samples (${document.evaluatedOn.set})`,
  );
  if (isAware)
    io.say(`as int8   ${percent(document.int8AccuracyBefore)} -> ${percent(document.int8AccuracyAfter)}`);
  io.say(`written   ${options.output}`);
}

async function teach(training: Training, path: string, data: Dataset): Promise<Distillation> {
  return { logits: answers(training, await readModel(path), data), ...DISTILLATION };
}

async function int8Accuracy(graph: Graph, calibration: Dataset, held: Dataset): Promise<number | null> {
  if (held.labels === undefined) return null;
  const { graph: quantized } = await quantizeGraph(graph, calibration);
  return (await evaluateModel(openRunnable(quantized), held)).accuracy!;
}

function some(data: Dataset, most: number): Dataset {
  const count = Math.min(most, data.count);
  return subset(
    data,
    Array.from({ length: count }, (_, i) => Math.floor((i * data.count) / count)),
  );
}

function rate(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= 1) return value;
  throw new UsageError({
    expected: "--learning-rate above 0, at most 1",
    got: text,
    todo: "0.0005 suits fine-tuning.",
  });
}
