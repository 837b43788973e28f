import { ModelFormatError, UnsupportedError } from "../../errors.js";
import type { Graph } from "../../graph/graph.js";
import { renameTensors } from "../../graph/rewrite.js";
import { validateGraph } from "../../graph/validate.js";
import { refuseUnsupported, type Survey, type SurveyedTensor, surveyOperators } from "../survey.js";
import { decodeModel, dtypeOf, type Model, type Node, readInitializer, toNumber } from "./proto.js";
import { ELEMENTWISE } from "./reader/elementwise.js";
import { foldNode } from "./reader/fold.js";
import { OnnxImporter } from "./reader/importer.js";
import { channelsLastOrder, identityOrder, type Order, orderedShape } from "./reader/layout.js";
import { MATRIX } from "./reader/matrix.js";
import { OnnxNode } from "./reader/node.js";
import type { ReadTable } from "./reader/operators.js";
import { QUANTIZE } from "./reader/quantize.js";
import { RECURRENT } from "./reader/recurrent.js";
import { REDUCE } from "./reader/reduce.js";
import { SHAPE } from "./reader/shape.js";
import { CHANNELS_FIRST_OPERATORS, SPATIAL } from "./reader/spatial.js";
import { settleQdq } from "./settle-qdq.js";

/** Files of opset 6 differ little; older ones need conversion. */
export const OLDEST_OPSET = 6;

const READ: ReadTable = {
  ...ELEMENTWISE,
  ...SPATIAL,
  ...MATRIX,
  ...SHAPE,
  ...REDUCE,
  ...RECURRENT,
  ...QUANTIZE,
};

/** Nodes that vanish at reading because their result is known then. */
const FOLDED_ONLY: ReadonlySet<string> = new Set(["Shape", "ConstantOfShape"]);

export const READABLE_OPERATORS: readonly string[] = [...Object.keys(READ), ...FOLDED_ONLY];

export interface OnnxOptions {
  /** Lengths for dimensions that the file leaves open, by their name or by "input:axis". The batch is 1 if not given. */
  readonly dimensions?: Readonly<Record<string, number>>;
}

/**
 * Reads an ONNX model, opset 6 to the newest. Images and sequences come out channels-last; QDQ models come out as integer
 * graphs. A free batch dimension is read as 1. Throws ModelFormatError for a file that is damaged, UnsupportedError that
 * lists every operator that is not read with its count and first place, GraphError for a model that contradicts itself.
 */
export function readOnnx(bytes: Uint8Array, options: OnnxOptions = {}): Graph {
  const model = decodeModel(bytes);
  const file = openGraph(model, bytes.length);
  const opset = opsetOf(model);
  refuseUnsupported(surveyNodes(file.node ?? []).unsupported);
  const nodes = (file.node ?? []).map((node) => new OnnxNode(node, opset));
  const importer = new OnnxImporter(file.name || "model");
  const constants = new Set<string>();
  for (const tensor of file.initializer ?? []) {
    const name = tensor.name ?? "";
    constants.add(name);
    importer.set(name, readInitializer(tensor));
  }
  const channelsFirst = channelsFirstInputs(nodes, constants);
  const fileOrder = new Map<string, Order>();
  for (const input of file.input ?? []) {
    // Old files list their initializers among the inputs.
    if (!constants.has(input.name ?? "")) readInput(input, importer, channelsFirst, options, fileOrder);
  }
  for (const node of nodes) {
    const folded = foldNode(node, importer);
    if (folded !== undefined) importer.set(node.outputs[0]!, folded);
    else READ[node.opType]!(node, importer);
  }
  const outputNames = new Map<string, string>();
  for (const { name } of file.output ?? []) readOutput(name ?? "", importer, fileOrder, outputNames);
  const graph = renameTensors({ ...importer.builder.build(), fileOrder }, outputNames);
  return validateGraph(settleQdq(graph));
}

/**
 * Inputs that a convolution or another channels-first operator reads, directly or through operators that leave axes
 * where they are. They become channels-last; every other input stays as the file has it.
 */
function channelsFirstInputs(
  nodes: readonly OnnxNode[],
  constants: ReadonlySet<string>,
): ReadonlySet<string> {
  const wanted = new Set<string>();
  for (const node of [...nodes].reverse()) {
    const isChannelsFirst = CHANNELS_FIRST_OPERATORS.has(node.opType);
    const isTransparent = Object.hasOwn(ELEMENTWISE, node.opType) || TRANSPARENT.has(node.opType);
    if (isChannelsFirst && node.inputs[0] !== undefined) wanted.add(node.inputs[0]);
    if (isTransparent && node.outputs.some((name) => wanted.has(name))) {
      for (const name of node.inputs) if (!constants.has(name)) wanted.add(name);
    }
  }
  return wanted;
}

const TRANSPARENT: ReadonlySet<string> = new Set([
  "QuantizeLinear",
  "DequantizeLinear",
  "Pad",
  "Concat",
  "Cast",
]);

function readInput(
  input: ValueInfo,
  importer: OnnxImporter,
  channelsFirst: ReadonlySet<string>,
  options: OnnxOptions,
  fileOrder: Map<string, Order>,
): void {
  const name = input.name ?? "";
  const type = input.type?.tensorType;
  if (!type) {
    throw new UnsupportedError({
      expected: `input "${name}" to be a tensor`,
      got: "a sequence, a map or nothing",
      todo: "Export a model that takes tensors.",
    });
  }
  const shape = (type.shape?.dim ?? []).map((dim, axis) => {
    const length = toNumber(dim.dimValue);
    if (length > 0) return length;
    const given =
      options.dimensions?.[dim.dimParam || `${name}:${axis}`] ?? options.dimensions?.[`${name}:${axis}`];
    if (given !== undefined) return given;
    if (axis === 0) return 1;
    const label = dim.dimParam || `${name}:${axis}`;
    throw new UnsupportedError({
      expected: `input "${name}" of fixed shape`,
      got: `an open dimension ${axis} ("${label}")`,
      todo: `Say its length (--dim ${label}=N), or export with fixed shapes.`,
    });
  });
  const order = channelsFirst.has(name) ? channelsLastOrder(shape.length) : identityOrder(shape.length);
  const dtype = dtypeOf(type.elemType ?? 1, `input "${name}"`);
  importer.builder.input({ name, shape: orderedShape(shape, order), dtype });
  importer.set(name, { tensor: name, shape, order });
  if (shape.length > 2) fileOrder.set(name, order);
}

function readOutput(
  name: string,
  importer: OnnxImporter,
  fileOrder: Map<string, Order>,
  outputNames: Map<string, string>,
): void {
  const value = importer.value(name);
  if ("data" in value) {
    throw new ModelFormatError({
      expected: `output "${name}" to depend on an input`,
      got: "a constant",
      todo: "Check where the model was cut, and export it again.",
    });
  }
  const rank = value.shape.length;
  // Columns that were flattened in another order must be put right before anyone sees them.
  const mustMove = rank < 3 || value.flattened !== undefined;
  const tensor = mustMove ? importer.plain(value) : value.tensor;
  importer.builder.outputs.push(tensor);
  const isFree = !importer.builder.inputs.includes(tensor) && !outputNames.has(tensor);
  if (isFree && tensor !== name) {
    // The value had to move before it goes out; what it was before gives way to it.
    if (importer.builder.tensors.has(name))
      outputNames.set(name, importer.builder.freshName(`${name}/inside`));
    outputNames.set(tensor, name);
  }
  if (rank > 2) fileOrder.set(isFree ? name : tensor, mustMove ? identityOrder(rank) : value.order);
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
  return surveyOperators(named, isReadable);
}

function isReadable(type: string): boolean {
  return Object.hasOwn(READ, type) || FOLDED_ONLY.has(type);
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
