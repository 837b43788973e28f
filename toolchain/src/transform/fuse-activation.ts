import type { Activation, Graph, Operator, OperatorOf } from "../graph/graph.js";
import { edgesOf } from "./edges.js";
import { removeDead } from "./remove-dead.js";

type Fusable = OperatorOf<
  "conv2d" | "depthwiseConv2d" | "fullyConnected" | "add" | "sub" | "mul" | "averagePool2d" | "maxPool2d"
>;

const FUSABLE: ReadonlySet<string> = new Set<Fusable["kind"]>([
  "conv2d",
  "depthwiseConv2d",
  "fullyConnected",
  "add",
  "sub",
  "mul",
  "averagePool2d",
  "maxPool2d",
]);

/**
 * An activation that is a clamp goes into the operator before it: the integer kernel clamps anyway, and the output's
 * scale then spends no code on values that the clamp throws away.
 */
export function fuseActivation(graph: Graph): Graph {
  const edges = edgesOf(graph);
  const fused = new Map<Operator, Operator | null>();
  for (const operator of graph.operators) {
    const activation = clampOf(operator);
    const source = operator.inputs[0];
    if (activation === null || source === undefined) continue;
    const before = edges.producer.get(source);
    if (before === undefined || edges.soleConsumer(source) !== operator || !isFusable(before)) continue;
    fused.set(before, {
      ...before,
      attributes: { ...before.attributes, activation },
      outputs: operator.outputs,
    } as Fusable);
    fused.set(operator, null);
  }
  if (fused.size === 0) return graph;
  const operators = graph.operators
    .map((operator) => (fused.has(operator) ? fused.get(operator)! : operator))
    .filter((operator) => operator !== null);
  return removeDead({ ...graph, operators });
}

function isFusable(operator: Operator): operator is Fusable {
  return FUSABLE.has(operator.kind) && (operator as Fusable).attributes.activation === "none";
}

/** The fused form of a clamping operator; null where there is none. */
function clampOf(operator: Operator): Activation | null {
  if (operator.kind === "relu" || operator.kind === "relu6") return operator.kind;
  if (operator.kind !== "clip") return null;
  const { min, max } = operator.attributes;
  if (min === 0 && max === 6) return "relu6";
  if (min === 0 && max > 1e30) return "relu";
  return min === -1 && max === 1 ? "relu-1-1" : null;
}
