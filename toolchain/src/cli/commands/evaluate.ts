import { writeFile } from "node:fs/promises";
import type { Command } from "commander";
import { fitToInput, openDataset, openSlices } from "../../data/index.js";
import { UsageError } from "../../errors.js";
import { evaluateModel, evaluationHtml, renderEvaluation } from "../../evaluate/index.js";
import { openRunnable } from "../../execute/runnable.js";
import { readModel } from "../../formats/index.js";
import { simplify } from "../../transform/index.js";
import type { CliCommand, Io } from "../command.js";
import { requireAccuracy } from "../options.js";

interface Options {
  readonly data: string;
  readonly against?: string;
  readonly layers?: boolean;
  readonly slices?: readonly string[];
  readonly html?: string;
  readonly minAccuracy?: string;
}

export const command: CliCommand = {
  name: "evaluate",
  summary: "accuracy, confusion, per-class results, agreement with another model, error per layer",
  configure(command: Command, io: Io) {
    command
      .argument("<model>", "float or int8 model")
      .requiredOption("--data <set>", "labelled data: .npz or a folder with one folder per class")
      .option("--against <model>", "another model on the same data, for instance the float one")
      .option("--layers", "with --against: the noise of every layer, and which one loses the most")
      .option(
        "--slices <by...>",
        "results by part: a .csv with a heading and a row per sample, an .npy, or an array of the .npz",
      )
      .option("--html <file>", "write a report with charts, one file")
      .option("--min-accuracy <share>", "exit 3 when the accuracy is below, for instance 0.97")
      .addHelpText(
        "after",
        "\nExample:\n  mote evaluate digits-int8.onnx --data test.npz --against digits.onnx --layers --slices devices.csv --html report.html",
      )
      .action((model: string, options: Options) => evaluate(model, options, io));
  },
};

async function evaluate(path: string, options: Options, io: Io): Promise<void> {
  if (options.layers === true && options.against === undefined) {
    throw new UsageError({
      expected: "--against with --layers",
      got: "--layers alone",
      todo: "Name the float model to compare with.",
    });
  }
  const keep = options.layers === true;
  const graph = simplify(await readModel(path));
  const input = graph.tensors.get(graph.inputs[0]!)!;
  const dataset = fitToInput(await openDataset(options.data, { sampleShape: input.shape.slice(1) }), input);
  const slices = (
    await Promise.all((options.slices ?? []).map((spec) => openSlices(spec, options.data, dataset.count)))
  ).flat();
  const against =
    options.against === undefined
      ? undefined
      : openRunnable(simplify(await readModel(options.against)), { keep });
  const bar = io.progress("evaluating");
  const result = await evaluateModel(openRunnable(graph, { keep }), dataset, {
    ...(against && { against }),
    layers: keep,
    ...(slices.length > 0 && { slices }),
    progress: bar.update,
  });
  bar.stop();
  const { predicted: _, ...document } = result;
  io.json({ model: path, rounding: "double", ...document });
  if (options.html !== undefined) await writeFile(options.html, evaluationHtml(path, result));
  io.say(renderEvaluation(result));
  if (options.html !== undefined) io.say(`report: ${options.html}`);
  requireAccuracy(options.minAccuracy, result.accuracy);
}
