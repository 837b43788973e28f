import { writeFile } from "node:fs/promises";
import Table from "cli-table3";
import type { Command } from "commander";
import { fitToInput, openDataset } from "../../data/index.js";
import { UsageError } from "../../errors.js";
import { type Evaluation, evaluateModel, evaluationHtml } from "../../evaluate/index.js";
import { openRunnable } from "../../execute/runnable.js";
import { readModel } from "../../formats/index.js";
import { simplify } from "../../transform/index.js";
import type { CliCommand, Io } from "../command.js";
import { requireAccuracy } from "../options.js";

interface Options {
  readonly data: string;
  readonly against?: string;
  readonly layers?: boolean;
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
      .option("--layers", "with --against: signal-to-quantization-noise of every layer")
      .option("--html <file>", "write a report with charts, one file")
      .option("--min-accuracy <share>", "exit 3 when the accuracy is below, for instance 0.97")
      .addHelpText(
        "after",
        "\nExample:\n  mote evaluate digits-int8.onnx --data test.npz --against digits.onnx --layers",
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
  const against =
    options.against === undefined
      ? undefined
      : openRunnable(simplify(await readModel(options.against)), { keep });
  const bar = io.progress("evaluating");
  const result = await evaluateModel(openRunnable(graph, { keep }), dataset, {
    ...(against && { against }),
    layers: keep,
    progress: bar.update,
  });
  bar.stop();
  const { predicted: _, ...document } = result;
  io.json({ model: path, rounding: "double", ...document });
  if (options.html !== undefined) await writeFile(options.html, evaluationHtml(path, result));
  io.say(render(result));
  if (options.html !== undefined) io.say(`report: ${options.html}`);
  requireAccuracy(options.minAccuracy, result.accuracy);
}

function render(result: Evaluation): string {
  const percent = (share: number | null | undefined): string =>
    share === null || share === undefined ? "-" : `${(100 * share).toFixed(2)} %`;
  const parts = [`${result.samples} samples`];
  if (result.accuracy !== undefined) parts.push(`accuracy ${percent(result.accuracy)}`);
  if (result.againstAccuracy !== undefined) parts.push(`the other model ${percent(result.againstAccuracy)}`);
  if (result.agreement !== undefined) parts.push(`same answer on ${percent(result.agreement)}`);
  if (result.outputSqnrDb !== undefined) parts.push(`output noise ${decibels(result.outputSqnrDb)}`);
  const lines = [parts.join(", ")];
  if (result.perClass !== undefined && result.confusion !== undefined) {
    const names = Object.keys(result.perClass);
    const table = new Table({ head: ["true \\ said", ...names, "recall"], style: { head: [], border: [] } });
    names.forEach((name, row) => {
      table.push([name, ...result.confusion![row]!.map(String), percent(result.perClass![name]!.recall)]);
    });
    lines.push(table.toString());
  }
  if (result.layers !== undefined) {
    const table = new Table({
      head: ["tensor", "operator", "SQNR", "greatest error"],
      style: { head: [], border: [] },
    });
    for (const layer of result.layers) {
      table.push([
        shorten(layer.tensor),
        layer.operator,
        decibels(layer.sqnrDb),
        layer.greatestError?.toPrecision(3) ?? "rescaled",
      ]);
    }
    lines.push(table.toString());
  }
  return lines.join("\n");
}

/** Converters pile up names of everything that was fused; the end tells more than the beginning. */
function shorten(name: string): string {
  return name.length > 60 ? `…${name.slice(-59)}` : name;
}

function decibels(value: number | null): string {
  return value === null ? "none" : `${value.toFixed(1)} dB`;
}
