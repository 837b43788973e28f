import { requantizeDouble } from "../execute/integer/fixed-point.js";
import type { Graph, Operator } from "../graph/graph.js";
import { activationRange, channelsOf, tensorOf, zeroPointOf } from "./c/arithmetic.js";

/** Codes that a channel can have, whatever the input: low and high per channel of the last axis. */
export interface ChannelRange {
  readonly low: Int32Array;
  readonly high: Int32Array;
}

const full = (channels: number): ChannelRange => ({
  low: new Int32Array(channels).fill(-128),
  high: new Int32Array(channels).fill(127),
});

/**
 * Ranges of every activation by interval arithmetic with exact requantization at both ends, padding included. Sound and
 * not tight: a channel whose ends meet is a constant, one whose ends differ may still be one.
 */
export function channelRanges(graph: Graph): Map<string, ChannelRange> {
  const ranges = new Map<string, ChannelRange>();
  const channelsIn = (name: string): number => tensorOf(graph, name).shape.at(-1) ?? 1;
  for (const name of graph.inputs) ranges.set(name, full(channelsIn(name)));
  for (const operator of graph.operators) {
    const output = operator.outputs[0]!;
    const input = ranges.get(operator.inputs[0]!);
    ranges.set(output, (input && rangeOf(graph, operator, input)) ?? full(channelsIn(output)));
  }
  return ranges;
}

function rangeOf(graph: Graph, operator: Operator, input: ChannelRange): ChannelRange | undefined {
  switch (operator.kind) {
    case "conv2d":
      return operator.attributes.groups === 1 ? weighted(graph, operator, input) : undefined;
    case "depthwiseConv2d":
      return operator.attributes.multiplier === 1 ? weighted(graph, operator, input) : undefined;
    case "fullyConnected":
      return weighted(graph, operator, input);
    case "averagePool2d":
    case "maxPool2d":
      return input;
    case "reshape": {
      // [1, 1, 1, C] -> [1, C] keeps its channels; [1, H, W, C] -> [1, H W C] repeats them.
      const length = tensorOf(graph, operator.outputs[0]!).shape.at(-1) ?? 1;
      const repeat = (ends: Int32Array): Int32Array =>
        Int32Array.from({ length }, (_, index) => ends[index % ends.length]!);
      return length % input.low.length === 0
        ? { low: repeat(input.low), high: repeat(input.high) }
        : undefined;
    }
    default:
      return undefined;
  }
}

function weighted(graph: Graph, operator: Operator, { low, high }: ChannelRange): ChannelRange {
  const zeroPoint = zeroPointOf(tensorOf(graph, operator.inputs[0]!));
  const output = tensorOf(graph, operator.outputs[0]!);
  const activation = "activation" in operator.attributes ? operator.attributes.activation : "none";
  const clamp = activationRange(activation as "none", output);
  const isPadded =
    "padding" in operator.attributes && Object.values(operator.attributes.padding).some((n) => n > 0);
  const channels = channelsOf(graph, operator);
  const out: ChannelRange = { low: new Int32Array(channels.length), high: new Int32Array(channels.length) };
  channels.forEach((channel, index) => {
    let least = channel.bias;
    let most = channel.bias;
    channel.weights.forEach((weight, tap) => {
      const from = operator.kind === "depthwiseConv2d" ? index : tap % low.length;
      let a = low[from]! - zeroPoint;
      let b = high[from]! - zeroPoint;
      if (isPadded) {
        a = Math.min(a, 0);
        b = Math.max(b, 0);
      }
      least += weight > 0 ? weight * a : weight * b;
      most += weight > 0 ? weight * b : weight * a;
    });
    const code = (x: number): number => {
      const value = requantizeDouble(x, channel.multiplier, channel.shift) + zeroPointOf(output);
      return Math.max(clamp.low, Math.min(clamp.high, value));
    };
    out.low[index] = code(least);
    out.high[index] = code(most);
  });
  return out;
}
