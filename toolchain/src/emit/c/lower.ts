import { UnsupportedError } from "../../errors.js";
import type { Graph, Operator } from "../../graph/graph.js";
import type { PlanBuffer } from "../../plan/problem.js";
import { elements, quantizationOf, tensorOf } from "./arithmetic.js";
import type { DspOptions } from "./dsp/context.js";
import { lowerDsp } from "./dsp/lower.js";
import type { ParamWriter } from "./params.js";
import { type LowerContext, shiftsByOperator } from "./portable/context.js";
import { lowerPortable } from "./portable/lower.js";
import type { Step } from "./step.js";

export interface Lowered {
  readonly steps: readonly Step[];
  /** Arena buffers; a reshape's output is its input's buffer. */
  readonly buffers: ReadonlyMap<string, PlanBuffer>;
  readonly bufferOf: ReadonlyMap<string, string>;
  /** `rowsTogether` would have given another layout. */
  readonly hasRowsChoice: boolean;
}

export type Family = "portable" | "dsp";

/** Operators to kernels of one family, parameters written in the order in which the kernels read them. */
export function lowerGraph(graph: Graph, params: ParamWriter, family: Family, options: DspOptions): Lowered {
  refuseWhatHasNoKernel(graph);
  if (family === "dsp") {
    const { steps, buffers, hasRowsChoice, codesOf } = lowerDspGraph(graph, params, options);
    return { steps, buffers, hasRowsChoice, bufferOf: codesOf };
  }
  const bufferOf = aliasReshapes(graph);
  const buffers = new Map<string, PlanBuffer>();
  for (const [tensorName, name] of bufferOf) {
    const tensor = tensorOf(graph, tensorName);
    quantizationOf(tensor);
    buffers.set(name, { name, bytes: elements(tensor) });
  }
  const context: LowerContext = {
    graph,
    params,
    bufferOf: (tensor) => bufferOf.get(tensor)!,
    takeGiven: shiftsByOperator(options.given),
  };
  const steps = graph.operators
    .filter((operator) => operator.kind !== "reshape")
    .map((operator) => lowerPortable(context, operator)!);
  return { steps, buffers, bufferOf, hasRowsChoice: false };
}

const COMPILED = new Set<Operator["kind"]>([
  "conv2d",
  "depthwiseConv2d",
  "fullyConnected",
  "averagePool2d",
  "maxPool2d",
  "add",
  "softmax",
  "relu",
  "relu6",
  "requantize",
  "reshape",
]);

function refuseWhatHasNoKernel(graph: Graph): void {
  const missing = graph.operators.filter(({ kind }) => !COMPILED.has(kind));
  if (missing.length > 0) {
    const named = missing.slice(0, 8).map(({ kind, name }) => `${kind} ("${name}")`);
    const rest = missing.length > named.length ? ` and ${missing.length - named.length} more` : "";
    throw new UnsupportedError({
      expected: `operators with a C kernel: ${[...COMPILED].join(", ")}`,
      got: `${named.join(", ")}${rest}`,
      todo: "Rewrite the model without them, or run it on a target with ONNX Runtime.",
    });
  }
  for (const name of [...graph.inputs, ...graph.outputs]) quantizationOf(tensorOf(graph, name));
}

/** Tensor -> buffer for everything that lives in the arena. */
function aliasReshapes(graph: Graph): Map<string, string> {
  const bufferOf = new Map<string, string>(graph.inputs.map((name) => [name, name]));
  for (const { kind, inputs, outputs } of graph.operators) {
    for (const output of outputs)
      bufferOf.set(output, kind === "reshape" ? bufferOf.get(inputs[0]!)! : output);
  }
  return bufferOf;
}

function lowerDspGraph(
  graph: Graph,
  params: ParamWriter,
  options: DspOptions,
): Omit<Lowered, "bufferOf"> & { readonly codesOf: ReadonlyMap<string, string> } {
  const context = lowerDsp(graph, params, options);
  const codesOf = new Map([...graph.inputs, ...graph.outputs].map((name) => [name, context.codesOf(name)!]));
  const { steps, buffers, hasRowsChoice } = context;
  return { steps, buffers, hasRowsChoice, codesOf };
}
