import Table from "cli-table3";
import { type Format, readModel, surveyModel } from "../../formats/index.js";
import type { UnsupportedOperator } from "../../formats/survey.js";
import { countMacs, countParameters, macsOf } from "../../graph/cost.js";
import type { Graph, Tensor } from "../../graph/graph.js";
import { byteCount } from "../../graph/size.js";
import type { CliCommand } from "../command.js";
import { collectDimension } from "../dimensions.js";

interface TensorReport {
  readonly name: string;
  /** Channels-last, as Mote takes and gives it; null where the file leaves a dimension open. */
  readonly shape: readonly (number | null)[];
  readonly dtype: string | null;
  readonly scale?: number;
  readonly zeroPoint?: number;
}

interface InspectReport {
  readonly format: Format;
  readonly inputs: readonly TensorReport[];
  readonly outputs: readonly TensorReport[];
  readonly operators: Readonly<Record<string, number>>;
  /** Null where the model can't be read: see `unsupported`. */
  readonly macs: number | null;
  readonly parameters: number | null;
  readonly unsupported: readonly UnsupportedOperator[];
}

export const command: CliCommand = {
  name: "inspect",
  summary: "operators, tensors, dtypes, shapes, MACs, parameters; what is unsupported, and where",
  configure(command, io) {
    command
      .argument("<model>", "a model file: .onnx, .tflite, .h5, .keras or model.json")
      .option("--tensors", "list every tensor, not only inputs and outputs")
      .option("--dim <name=length>", "the length of a dimension that the file leaves open", collectDimension)
      .addHelpText("after", "\nExample:\n  mote inspect kws.tflite --tensors")
      .action(async (path: string, options: { tensors?: boolean; dim?: Record<string, number> }) => {
        const survey = await surveyModel(path);
        const graph =
          survey.unsupported.length === 0
            ? await readModel(path, options.dim === undefined ? {} : { dimensions: options.dim })
            : null;
        const report: InspectReport = {
          format: survey.format,
          inputs:
            graph === null ? survey.inputs.map(open) : graph.inputs.map((name) => tensorOf(graph, name)),
          outputs:
            graph === null ? survey.outputs.map(open) : graph.outputs.map((name) => tensorOf(graph, name)),
          operators: survey.operators,
          macs: graph === null ? null : countMacs(graph),
          parameters: graph === null ? null : countParameters(graph),
          unsupported: survey.unsupported,
        };
        io.say(render(report));
        if (graph !== null) io.say(renderLayers(graph));
        if (graph !== null && options.tensors === true) io.say(renderTensors(graph));
        io.json(
          options.tensors === true && graph !== null
            ? { ...report, tensors: [...graph.tensors.keys()].map((name) => tensorOf(graph, name)) }
            : report,
        );
      });
  },
};

function open({ name, shape }: { name: string; shape: readonly (number | null)[] }): TensorReport {
  return { name, shape, dtype: null };
}

function tensorOf(graph: Graph, name: string): TensorReport {
  const { shape, dtype, quantization } = graph.tensors.get(name)!;
  const scale = quantization?.axis === null ? quantization.scale[0] : undefined;
  const zeroPoint = quantization?.zeroPoint[0];
  return {
    name,
    shape,
    dtype,
    ...(scale === undefined || zeroPoint === undefined ? {} : { scale, zeroPoint }),
  };
}

function render(report: InspectReport): string {
  const lines = [`format      ${report.format}`];
  for (const [kind, tensors] of [
    ["input", report.inputs],
    ["output", report.outputs],
  ] as const) {
    for (const tensor of tensors) lines.push(`${kind.padEnd(11)} ${describe(tensor)}`);
  }
  const operators = Object.entries(report.operators).sort((a, b) => b[1] - a[1]);
  lines.push(`operators   ${operators.map(([name, count]) => `${count} ${name}`).join(", ")}`);
  if (report.macs !== null) lines.push(`MACs        ${report.macs.toLocaleString("en")}`);
  if (report.parameters !== null) lines.push(`parameters  ${report.parameters.toLocaleString("en")}`);
  if (report.unsupported.length === 0) lines.push("unsupported none");
  for (const { operator, count, places, todo } of report.unsupported) {
    lines.push(
      `unsupported ${count} x ${operator} at ${places.map((place) => `"${place}"`).join(", ")}: ${todo}`,
    );
  }
  return lines.join("\n");
}

function describe({ name, shape, dtype, scale, zeroPoint }: TensorReport): string {
  const dims = `[${shape.map((length) => length ?? "?").join(", ")}]`;
  const quantization = scale === undefined ? "" : `, scale ${scale}, zero point ${zeroPoint}`;
  return `"${name}" ${dims} ${dtype ?? ""}${quantization}`.trimEnd();
}

function renderLayers(graph: Graph): string {
  const table = new Table({
    head: ["#", "operator", "output", "shape", "dtype", "MACs", "parameters"],
    colAligns: ["right", "left", "left", "left", "left", "right", "right"],
    style: { head: [], border: [], compact: true },
  });
  graph.operators.forEach((operator, i) => {
    const out = graph.tensors.get(operator.outputs[0]!)!;
    const constants = operator.inputs.map((name) => graph.tensors.get(name)?.data?.length ?? 0);
    table.push([
      String(i),
      operator.kind,
      shorten(out.name),
      `[${out.shape.join(", ")}]`,
      out.dtype,
      macsOf(graph, operator).toLocaleString("en"),
      constants.reduce((sum, count) => sum + count, 0).toLocaleString("en"),
    ]);
  });
  return table.toString();
}

function renderTensors(graph: Graph): string {
  const table = new Table({
    head: ["tensor", "shape", "dtype", "bytes", "scale", "zero point"],
    colAligns: ["left", "left", "left", "right", "left", "left"],
    style: { head: [], border: [], compact: true },
  });
  for (const tensor of graph.tensors.values()) {
    table.push([
      shorten(tensor.name),
      `[${tensor.shape.join(", ")}]`,
      tensor.dtype,
      byteCount(tensor).toLocaleString("en"),
      ...quantizationCells(tensor),
    ]);
  }
  return table.toString();
}

function quantizationCells({ quantization }: Tensor): [string, string] {
  if (quantization === undefined) return ["", ""];
  if (quantization.axis !== null) return [`${quantization.scale.length} along axis ${quantization.axis}`, ""];
  return [String(quantization.scale[0]), String(quantization.zeroPoint[0])];
}

/** The last part of a long name tells tensors apart best. */
const LONGEST_NAME = 48;

function shorten(name: string): string {
  return name.length <= LONGEST_NAME ? name : `…${name.slice(1 - LONGEST_NAME)}`;
}
