import { UnsupportedError } from "../errors.js";
import type { Graph, Operator, OperatorKind, Quantization } from "../graph/graph.js";
import { type ActivationDType, perTensor } from "./range.js";

/** Operators whose output must use the codes of their (first) input: TFLite's kernels copy or compare codes. */
const SAME_CODES: ReadonlySet<OperatorKind> = new Set<OperatorKind>([
  "reshape",
  "transpose",
  "slice",
  "split",
  "pad",
  "expand",
  "tile",
  "gather",
  "resizeNearest",
  "resizeBilinear",
  "maxPool2d",
  "averagePool2d",
  "reduceMax",
  "reduceMin",
]);

/** Operators all of whose tensors must use the same codes. */
const ALL_SAME: ReadonlySet<OperatorKind> = new Set<OperatorKind>(["concat", "minimum", "maximum"]);

/** Output quantization that TFLite's specification fixes, because the function's range is known. */
function fixedOutput(operator: Operator, dtype: ActivationDType): Quantization | null {
  const isInt8 = dtype === "int8";
  switch (operator.kind) {
    case "softmax":
    case "sigmoid":
      return isInt8 ? perTensor(1 / 256, -128) : perTensor(1 / 32768, 0);
    case "tanh":
      return isInt8 ? perTensor(1 / 128, 0) : perTensor(1 / 32768, 0);
    case "logSoftmax":
      return isInt8 ? perTensor(16 / 256, 127) : null;
    default:
      return null;
  }
}

/** Sets of tensors that share one scale and zero point. */
export interface Groups {
  /** The member that stands for the group of `name`. */
  representative(name: string): string;
  /** What the specification fixes for the group; null where the observed range decides. */
  fixed(name: string): Quantization | null;
}

/** The member that stands for all activations whose codes are tied to those of a tensor. */
export function tiedActivations(graph: Graph): (name: string) => string {
  const parent = new Map<string, string>();
  const find = (name: string): string => {
    let root = name;
    for (let up = parent.get(root); up !== undefined; up = parent.get(root)) root = up;
    return root;
  };
  const isActivation = (name: string): boolean =>
    name !== "" &&
    graph.tensors.get(name)?.data === undefined &&
    graph.tensors.get(name)?.dtype === "float32";
  const tie = (a: string, b: string): void => {
    if (!isActivation(a) || !isActivation(b)) return;
    const [x, y] = [find(a), find(b)];
    if (x !== y) parent.set(y, x);
  };
  for (const operator of graph.operators) {
    // The last hidden state is a step of the sequence.
    if (operator.kind === "lstm" || operator.kind === "rnn") {
      tie(operator.outputs[0]!, operator.outputs[1] ?? "");
    }
    if (SAME_CODES.has(operator.kind)) {
      for (const name of operator.outputs) tie(operator.inputs[0]!, name);
    } else if (ALL_SAME.has(operator.kind)) {
      for (const name of operator.inputs) tie(operator.outputs[0]!, name);
    }
  }
  return find;
}

/**
 * Groups the activations of a graph, each held in the dtype that `dtypeOf` names; null for one that stays float.
 * Constants are no activations and stay out.
 */
export function groupActivations(graph: Graph, dtypeOf: (name: string) => ActivationDType | null): Groups {
  const find = tiedActivations(graph);
  const fixed = new Map<string, { quantization: Quantization; by: Operator }>();
  for (const operator of graph.operators) {
    const dtype = dtypeOf(operator.outputs[0]!);
    const quantization = dtype === null ? null : fixedOutput(operator, dtype);
    if (quantization === null) continue;
    const root = find(operator.outputs[0]!);
    const other = fixed.get(root);
    if (other !== undefined && other.quantization.scale[0] !== quantization.scale[0]) {
      throw new UnsupportedError({
        expected: "one fixed output range per group of tied tensors",
        got: `${other.by.kind} "${other.by.name}" and ${operator.kind} "${operator.name}" joined by a concat or a comparison`,
        todo: "Keep one of them in floating point.",
      });
    }
    fixed.set(root, { quantization, by: operator });
  }
  return {
    representative: find,
    fixed: (name) => fixed.get(find(name))?.quantization ?? null,
  };
}
