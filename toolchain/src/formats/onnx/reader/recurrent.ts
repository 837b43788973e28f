import type { OperatorKind, OperatorOf } from "../../../graph/graph.js";
import { unsupported } from "../proto.js";
import type { OnnxImporter } from "./importer.js";
import { identityOrder } from "./layout.js";
import type { OnnxNode } from "./node.js";
import type { ReadTable } from "./operators.js";

/** Recurrent layers keep ONNX's own packing: x [steps, batch, in], weights [directions, gates·hidden, in]. */
export const RECURRENT: ReadTable = {
  LSTM: (node, importer) => {
    refuseActivations(node, ["Sigmoid", "Tanh", "Tanh"]);
    if (node.int("input_forget", 0) === 1) throw unsupported(at(node, "input_forget"), "Export without it.");
    if (node.input(7) !== "") throw unsupported(at(node, "peepholes"), "Use an LSTM without peepholes.");
    emit(node, importer, "lstm", shared(node), [0, 1, 2, 3, 5, 6]);
  },
  GRU: (node, importer) => {
    refuseActivations(node, ["Sigmoid", "Tanh"]);
    const linearBeforeReset = node.int("linear_before_reset", 0) === 1;
    emit(node, importer, "gru", { ...shared(node), linearBeforeReset }, [0, 1, 2, 3, 5]);
  },
  RNN: (node, importer) => {
    const activations = new Set((node.strings("activations") ?? ["Tanh"]).map((name) => name.toLowerCase()));
    const [activation] = activations;
    if (activations.size !== 1 || (activation !== "tanh" && activation !== "relu")) {
      throw unsupported(at(node, `activations ${[...activations].join(", ")}`), "Use tanh or relu.");
    }
    emit(node, importer, "rnn", { ...shared(node), activation }, [0, 1, 2, 3, 5]);
  },
};

type Direction = OperatorOf<"lstm">["attributes"]["direction"];

function shared(node: OnnxNode): { hiddenSize: number; direction: Direction } {
  const direction = node.string("direction", "forward");
  if (direction !== "forward" && direction !== "reverse" && direction !== "bidirectional") {
    throw node.fault("direction forward, reverse or bidirectional", direction);
  }
  if (node.has("clip")) throw unsupported(at(node, "clipping"), "Export without it.");
  if (node.int("layout", 0) !== 0) throw unsupported(at(node, "batch-first layout"), "Export with layout 0.");
  return { hiddenSize: node.int("hidden_size", 0), direction };
}

/** `places` are the inputs that the graph's operator takes; sequence lengths (input 4) must not be given. */
function emit<K extends OperatorKind>(
  node: OnnxNode,
  importer: OnnxImporter,
  kind: K,
  attributes: OperatorOf<K>["attributes"],
  places: readonly number[],
): void {
  if (node.input(4) !== "") throw unsupported(at(node, "sequence lengths"), "Use sequences of one length.");
  const inputs = places.map((place) => {
    const name = node.input(place);
    return name === "" ? "" : importer.operand(name, identityOrder(importer.shapeOf(name).length));
  });
  while (inputs.at(-1) === "") inputs.pop();
  const outputs = node.outputs.map((name, i) => importer.builder.freshName(name || `${node.name}/out${i}`));
  const operator = { kind, name: node.name, inputs, outputs, attributes };
  importer.builder.operator(operator as OperatorOf<OperatorKind>);
  node.outputs.forEach((name, i) => {
    if (name === "") return;
    const { shape } = importer.builder.get(outputs[i]!);
    importer.set(name, { tensor: outputs[i]!, shape, order: identityOrder(shape.length) });
  });
}

function refuseActivations(node: OnnxNode, expected: readonly string[]): void {
  const given = node.strings("activations") ?? [];
  if (given.every((name, i) => name.toLowerCase() === expected[i % expected.length]!.toLowerCase())) return;
  throw unsupported(at(node, `activations ${given.join(", ")}`), `Use ${expected.join(", ")}.`);
}

function at(node: OnnxNode, what: string): string {
  return `${node.opType} "${node.name}" with ${what}`;
}
