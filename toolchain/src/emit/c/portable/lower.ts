import type { Operator } from "../../../graph/graph.js";
import type { Step } from "../step.js";
import { lowerAdd } from "./add.js";
import { lowerRescale } from "./clamp.js";
import type { LowerContext } from "./context.js";
import { lowerConv } from "./conv.js";
import { lowerDense } from "./dense.js";
import { lowerDepthwise } from "./depthwise.js";
import { lowerPool } from "./pool.js";
import { lowerSoftmax } from "./softmax.js";

/** The portable family: plain C11 for any core, and the reference that the other families are held to. */
export function lowerPortable(context: LowerContext, operator: Operator): Step | undefined {
  switch (operator.kind) {
    case "conv2d":
      return lowerConv(context, operator);
    case "depthwiseConv2d":
      return lowerDepthwise(context, operator);
    case "fullyConnected":
      return lowerDense(context, operator);
    case "averagePool2d":
    case "maxPool2d":
      return lowerPool(context, operator);
    case "add":
      return lowerAdd(context, operator);
    case "softmax":
      return lowerSoftmax(context, operator);
    case "relu":
    case "relu6":
    case "requantize":
      return lowerRescale(context, operator);
    default:
      return undefined;
  }
}
