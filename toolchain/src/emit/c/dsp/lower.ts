import type { Graph, Operator } from "../../../graph/graph.js";
import { tensorOf } from "../arithmetic.js";
import type { ParamWriter } from "../params.js";
import { lowerPortable } from "../portable/lower.js";
import { lowerDspAdd } from "./add.js";
import { DspContext, type DspOptions } from "./context.js";
import { lowerMatrixConv } from "./conv.js";
import { codesFor, planesFor } from "./convert.js";
import { lowerDspDense } from "./dense.js";
import { lowerDspDepthwise } from "./depthwise.js";
import { lowerDspPool } from "./pool.js";

/**
 * The DSP family (Cortex-M4, M7, M33): planes between kernels, generated assembly where the compiler falls short. An
 * operator that has no DSP kernel takes the portable one, with a conversion of layout before it.
 */
export function lowerDsp(graph: Graph, params: ParamWriter, options: DspOptions): DspContext {
  const context = new DspContext(graph, params, prefersTurned(graph), options);
  for (const operator of graph.operators) {
    if (operator.kind === "reshape") {
      context.alias(operator.inputs[0]!, operator.outputs[0]!);
      continue;
    }
    if (lowerWithDsp(context, operator)) continue;
    const activations = operator.inputs.filter(
      (name) => name !== "" && tensorOf(graph, name).data === undefined,
    );
    for (const name of activations) codesFor(context, operator, name);
    for (const name of operator.outputs) context.addCodes(name);
    context.steps.push(lowerPortable(context, operator)!);
  }
  const last = graph.operators.at(-1);
  if (last !== undefined) for (const name of graph.outputs) codesFor(context, last, name);
  return context;
}

function lowerWithDsp(context: DspContext, operator: Operator): boolean {
  switch (operator.kind) {
    case "conv2d":
      return lowerMatrixConv(context, operator);
    case "depthwiseConv2d":
      return lowerDspDepthwise(context, operator);
    case "fullyConnected":
      if (context.heldPlanes(operator.inputs[0]!) === undefined)
        planesFor(context, operator, operator.inputs[0]!);
      return lowerDspDense(context, operator);
    case "averagePool2d":
    case "maxPool2d":
      return lowerDspPool(context, operator);
    case "add":
      return lowerDspAdd(context, operator);
    default:
      return false;
  }
}

/** Groups of 4 pixels that the model needs with rows inside and with columns inside. */
function prefersTurned(graph: Graph): boolean {
  let upright = 0;
  let turned = 0;
  for (const operator of graph.operators) {
    if (operator.kind !== "conv2d" && operator.kind !== "depthwiseConv2d") continue;
    const [, height, width, depth] = tensorOf(graph, operator.outputs[0]!).shape as [
      number,
      number,
      number,
      number,
    ];
    upright += height * Math.ceil(width / 4) * depth;
    turned += width * Math.ceil(height / 4) * depth;
  }
  return turned < upright;
}
