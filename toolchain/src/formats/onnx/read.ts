import { ModelFormatError, UnsupportedError } from "../../errors.js";
import { GraphBuilder } from "../../graph/builder.js";
import type { Graph } from "../../graph/graph.js";
import { validateGraph } from "../../graph/validate.js";
import { refuseUnsupported, type Survey, type SurveyedTensor, surveyOperators } from "../survey.js";
import { OnnxImporter, TO_CHANNELS_LAST } from "./importer.js";
import { decodeModel, dtypeOf, type Model, type Node, readInitializer, toNumber } from "./proto.js";
import { isReadable, readNode } from "./read-operators.js";
import { settleQdq } from "./settle-qdq.js";

export const OLDEST_OPSET = 7;

/**
 * Reads an ONNX model. Images come out channels-last; QDQ models come out as integer graphs. A free batch dimension is
 * read as 1. Throws ModelFormatError for a file that is damaged, UnsupportedError that lists every operator that is not
 * read with its count and first place, GraphError for a model that contradicts itself.
 */
export function readOnnx(bytes: Uint8Array): Graph {
  const model = decodeModel(bytes);
  const file = openGraph(model, bytes.length);
  const importer = new OnnxImporter(new GraphBuilder(file.name ?? "model"), opsetOf(model));
  refuseUnsupported(surveyNodes(file.node ?? []).unsupported);
  for (const tensor of file.initializer ?? []) {
    importer.define(tensor.name ?? "", { kind: "constant", constant: readInitializer(tensor) });
  }
  for (const input of file.input ?? []) readInput(input, importer);
  for (const node of file.node ?? []) readNode(node, importer);
  for (const output of file.output ?? []) readOutput(output.name ?? "", importer);
  return validateGraph(settleQdq(importer.builder.build()));
}

function opsetOf(model: Model): number {
  const main = (model.opsetImport ?? []).find(
    (entry) => (entry.domain ?? "") === "" || entry.domain === "ai.onnx",
  );
  const opset = toNumber(main?.version);
  if (opset < OLDEST_OPSET) {
    throw new UnsupportedError({
      expected: `ONNX opset ${OLDEST_OPSET} or newer`,
      got: `${opset}`,
      todo: "Export with a newer opset (torch.onnx.export(…, opset_version=13)).",
    });
  }
  return opset;
}

/** What the file holds, whether or not each operator can be read. */
export function surveyOnnx(bytes: Uint8Array): Survey {
  const file = openGraph(decodeModel(bytes), bytes.length);
  const constants = new Set((file.initializer ?? []).map(({ name }) => name));
  const edge = ({ name, type }: ValueInfo): SurveyedTensor => ({
    name: name ?? "",
    shape: (type?.tensorType?.shape?.dim ?? []).map(({ dimValue }) => toNumber(dimValue) || null),
  });
  return {
    inputs: (file.input ?? []).filter(({ name }) => !constants.has(name)).map(edge),
    outputs: (file.output ?? []).map(edge),
    ...surveyNodes(file.node ?? []),
  };
}

function surveyNodes(nodes: readonly Node[]): Pick<Survey, "operators" | "unsupported"> {
  const named = nodes.map((node) => ({ type: typeOf(node), name: node.name || node.output?.[0] || "" }));
  const readable = new Set(nodes.filter(isReadable).map(typeOf));
  return surveyOperators(named, (type) => readable.has(type));
}

function typeOf(node: Node): string {
  return `${node.domain && node.domain !== "ai.onnx" ? `${node.domain}.` : ""}${node.opType}`;
}

function openGraph(model: Model, bytes: number): NonNullable<Model["graph"]> {
  const file = model.graph;
  if (!file || (file.node ?? []).length === 0) {
    throw new ModelFormatError({
      expected: "an ONNX model with at least one node",
      got: `${bytes} bytes without any`,
      todo: "The file is truncated or is no ONNX model: export or copy it again.",
    });
  }
  return file;
}

type ValueInfo = NonNullable<NonNullable<NonNullable<Model["graph"]>["input"]>[number]>;

function readInput(input: ValueInfo, importer: OnnxImporter): void {
  const name = input.name ?? "";
  // Old files list their initializers among the inputs.
  if (importer.known(name) !== undefined) return;
  const type = input.type?.tensorType;
  const shape = (type?.shape?.dim ?? []).map((dim, i) => {
    const length = toNumber(dim.dimValue);
    if (length > 0) return length;
    if (i === 0) return 1;
    throw new UnsupportedError({
      expected: `input "${name}" of fixed shape`,
      got: `a free dimension ${i}${dim.dimParam ? ` ("${dim.dimParam}")` : ""}`,
      todo: "Export with fixed shapes; only the batch may be free.",
    });
  });
  const isImage = shape.length === 4;
  importer.builder.input({
    name,
    shape: isImage ? TO_CHANNELS_LAST.map((axis) => shape[axis]!) : shape,
    dtype: dtypeOf(type?.elemType ?? 1, `input "${name}"`),
  });
  importer.define(name, { kind: "activation", tensor: name, channelsLast: isImage });
}

function readOutput(name: string, importer: OnnxImporter): void {
  const value = importer.known(name);
  if (value?.kind !== "activation") {
    throw new ModelFormatError({
      expected: `output "${name}" to be computed by a node`,
      got: value === undefined ? "nothing that makes it" : "a constant",
      todo: "Export the model again.",
    });
  }
  importer.builder.outputs.push(value.tensor);
}
