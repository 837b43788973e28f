import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeFolder } from "@mote/protocol/node";
import type { Command } from "commander";
import { type Dataset, fitToInput, openDataset } from "../../data/index.js";
import { DataError, LimitError } from "../../errors.js";
import { readModel, writeModel } from "../../formats/index.js";
import { renderFront } from "../../optimize/front-page.js";
import { type Candidate, type SearchResult, searchModels } from "../../optimize/search.js";
import type { Budget } from "../../profile/budget.js";
import { readBudget } from "../../profile/read-budget.js";
import { bytes, describeOver, fromMicro } from "../../profile/terminal.js";
import { loadTarget } from "../../targets/index.js";
import { holdOut } from "../../train/holdout.js";
import { openTensorFlow } from "../../train/tensorflow.js";
import type { CliCommand, Io } from "../command.js";
import { interruptible } from "../interruptible.js";
import { positive, wholeNumber } from "../options.js";

interface Options {
  readonly data: string;
  readonly test?: string;
  readonly target: string;
  readonly budget: string;
  readonly output: string;
  readonly trials: string;
  readonly epochs: string;
  readonly seed: string;
}

export const command: CliCommand = {
  name: "optimize",
  summary: "search for the most accurate int8 model that fits a budget on a target",
  configure(command: Command, io: Io) {
    command
      .argument("<model>", "a float model")
      .requiredOption("--data <set>", "labelled data to recover on and to calibrate with")
      .requiredOption("--target <target>", "what it is to run on; `mote targets` lists them")
      .requiredOption("--budget <file>", "limits, such as `ram: 64 KiB` and `accuracy: 0.97`")
      .requiredOption("-o, --output <dir>", "best.onnx, best-int8.onnx, front.json and front.html")
      .option("--test <set>", "measure accuracy on this set (without it: on a tenth of --data, set aside)")
      .option("--trials <n>", "candidates to train", "4")
      .option("--epochs <n>", "passes over the data in which each candidate recovers", "2")
      .option("--seed <n>", "the same seed gives the same models", "1")
      .addHelpText(
        "after",
        "\nExample:\n  mote optimize digits.onnx --data train.npz --target nrf52840 --budget mcu.yaml -o best\n",
      )
      .action((model: string, options: Options) => optimize(model, options, io));
  },
};

async function optimize(path: string, options: Options, io: Io): Promise<void> {
  const target = loadTarget(options.target);
  const budget = await readBudget(options.budget);
  const graph = await readModel(path);
  const input = graph.tensors.get(graph.inputs[0]!)!;
  const open = async (set: string): Promise<Dataset> =>
    requireLabels(fitToInput(await openDataset(set, { sampleShape: input.shape.slice(1) }), input), set);
  const seed = wholeNumber("--seed", options.seed, 0, 2 ** 48);
  const all = await open(options.data);
  const data =
    options.test === undefined ? holdOut(all, seed) : { training: all, held: await open(options.test) };

  const training = await openTensorFlow();
  io.say(training.note);
  const bar = io.progress("searching");
  const result = await interruptible(`Nothing was written to ${options.output}.`, (signal) =>
    searchModels(training, graph, data, {
      target,
      budget,
      trials: positive("--trials", options.trials),
      epochs: wholeNumber("--epochs", options.epochs, 1, 1000),
      seed,
      signal,
      onProgress: (_label, done, total) => bar.update(done, total),
    }),
  ).finally(() => bar.stop());

  const document = await write(path, options, graph.name, budget, data.held.count, result);
  io.json(document);
  for (const candidate of result.candidates) io.say(describe(candidate, candidate === result.best));
  io.say(`written: ${options.output}`);
  if (result.best === null) {
    const closest = result.candidates.at(-1)!;
    throw new LimitError({
      expected: `a model within ${options.budget} on ${target.id}`,
      got: `none; the smallest tried: ${describe(closest, false)}. ${closest.over.map(describeOver).join(" ")}`,
      todo: `See ${join(options.output, "front.html")}; raise the limit that breaks, or try more with --trials.`,
    });
  }
}

async function write(
  path: string,
  options: Options,
  model: string,
  budget: Budget,
  samples: number,
  { candidates, best }: SearchResult,
): Promise<object> {
  await makeFolder(options.output);
  const int8 = join(options.output, "best-int8.onnx");
  if (best !== null) {
    await writeModel(best.float, join(options.output, "best.onnx"));
    await writeModel(best.quantized, int8);
  }
  const numbers = candidates.map(({ float: _float, quantized: _quantized, ...rest }) => rest);
  const document = {
    target: options.target,
    budget,
    evaluatedOn: samples,
    accuracyBefore: candidates[0]?.accuracy ?? null,
    accuracyAfter: best?.accuracy ?? null,
    bytesBefore: statSync(path).size,
    bytesAfter: best === null ? null : statSync(int8).size,
    best: best?.sparsity ?? null,
    candidates: numbers,
  };
  writeFileSync(join(options.output, "front.json"), `${JSON.stringify(document, null, 2)}\n`);
  writeFileSync(
    join(options.output, "front.html"),
    renderFront({
      model,
      target: options.target,
      samples,
      candidates: numbers,
      best: best?.sparsity ?? null,
    }),
  );
  return document;
}

function describe(candidate: Candidate, isBest: boolean): string {
  const { sparsity, accuracy, latencyUs, ramBytes, flashBytes, fits } = candidate;
  const verdict = isBest ? "chosen" : fits ? "fits" : "does not fit";
  return `sparsity ${sparsity.toFixed(2)}: accuracy ${(accuracy * 100).toFixed(2)} % int8, ${fromMicro(latencyUs, "s")}, RAM ${bytes(ramBytes)}, flash ${bytes(flashBytes)}: ${verdict}`;
}

function requireLabels(data: Dataset, set: string): Dataset {
  if (data.labels !== undefined) return data;
  throw new DataError({
    expected: "labelled data, because the search maximises accuracy",
    got: `no labels in ${set}`,
    todo: "Give an .npz with y, or folders named after the classes.",
  });
}
