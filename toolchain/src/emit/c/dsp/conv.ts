import type { OperatorOf } from "../../../graph/graph.js";
import { activationRange, tensorOf } from "../arithmetic.js";
import type { DspContext } from "./context.js";
import { lowerInterleaved } from "./conv-first.js";
import { lowerPlanar } from "./conv-planar.js";
import { turnWindow } from "./geometry.js";
import { lowerPointwise } from "./pointwise.js";
import { lowerWinograd } from "./winograd.js";

/** conv2d as matrix kernel over tiles of 4 pixels. false where the portable kernel has to do it. */
export function lowerMatrixConv(context: DspContext, operator: OperatorOf<"conv2d">): boolean {
  const { graph } = context;
  const { attributes } = operator;
  const output = tensorOf(graph, operator.outputs[0]!);
  const range = activationRange(attributes.activation, output);
  if (attributes.groups !== 1 || attributes.dilationH !== 1 || attributes.dilationW !== 1) return false;
  if (range.low !== -128 || range.high !== 127 || output.shape[0] !== 1) return false;
  // The kernels store 4 pixels of a channel at once, and planes of one pixel lie side by side.
  if (output.shape[1]! * output.shape[2]! === 1) return false;
  const [, kernelH, kernelW, depth] = tensorOf(graph, operator.inputs[1]!).shape as [
    number,
    number,
    number,
    number,
  ];
  const window = turnWindow(kernelH, kernelW, attributes, context.isTurned);
  const { top, bottom, left, right } = attributes.padding;
  const isPointwise =
    kernelH * kernelW === 1 &&
    attributes.strideH * attributes.strideW === 1 &&
    top + bottom + left + right === 0;
  const isFirst = context.heldPlanes(operator.inputs[0]!) === undefined && !isPointwise;
  if (context.optimize === "speed" && !isFirst && lowerWinograd(context, operator, window)) return true;
  return isFirst
    ? lowerInterleaved(context, operator, window, depth)
    : isPointwise
      ? lowerPointwise(context, operator, depth)
      : lowerPlanar(context, operator, window, depth);
}
