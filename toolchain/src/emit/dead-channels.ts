import type { Graph, Operator, Quantization, Tensor } from "../graph/graph.js";
import { elements, tensorOf, zeroPointOf } from "./c/arithmetic.js";
import { type ChannelRange, channelRanges } from "./channel-ranges.js";

/**
 * Removes channels that these weights make constant, exactly: what a constant adds to the next layer goes into its
 * bias. Where a constant is not the zero point and the next layer pads, its share depends on the border and the channel
 * stays. Binds the code to these weights: the `fixed` contract.
 */
export function withoutDeadChannels(graph: Graph): Graph {
  const ranges = channelRanges(graph);
  const kept = keptChannels(graph, ranges);
  const tensors = new Map(graph.tensors);
  const operators: Operator[] = [];
  for (const operator of graph.operators) {
    operators.push(rewrite(graph, operator, ranges, kept, tensors));
  }
  return { ...graph, tensors, operators };
}

const channelsIn = (graph: Graph, name: string): number => tensorOf(graph, name).shape.at(-1) ?? 1;
const isConstant = ({ low, high }: ChannelRange, channel: number): boolean => low[channel] === high[channel];

/** Indices of the channels of each activation that somebody needs, in ascending order. */
function keptChannels(graph: Graph, ranges: ReadonlyMap<string, ChannelRange>): Map<string, number[]> {
  const needed = new Map<string, Set<number>>();
  const need = (name: string, channels: Iterable<number>): void => {
    const set = needed.get(name) ?? new Set<number>();
    for (const channel of channels) set.add(channel);
    needed.set(name, set);
  };
  const everyChannel = (name: string): number[] =>
    Array.from({ length: channelsIn(graph, name) }, (_, index) => index);
  for (const name of [...graph.inputs, ...graph.outputs]) need(name, everyChannel(name));
  for (const operator of [...graph.operators].reverse()) {
    const output = operator.outputs[0]!;
    const wanted = [...(needed.get(output) ?? [])];
    for (const input of operator.inputs.filter((name) => name !== "" && ranges.has(name)))
      need(input, neededBy(graph, operator, input, wanted, ranges.get(input)!) ?? everyChannel(input));
  }
  const kept = new Map<string, number[]>();
  for (const name of ranges.keys()) {
    const list = [...(needed.get(name) ?? [])].sort((a, b) => a - b);
    // A tensor of no channels has no layout: one stays.
    kept.set(name, list.length > 0 ? list : [0]);
  }
  return kept;
}

/** Channels of `input` without which `operator` can't give the wanted channels; undefined for all of them. */
function neededBy(
  graph: Graph,
  operator: Operator,
  input: string,
  wanted: readonly number[],
  range: ChannelRange,
): number[] | undefined {
  switch (operator.kind) {
    case "conv2d":
    case "fullyConnected": {
      if (operator.kind === "conv2d" && operator.attributes.groups !== 1) return undefined;
      const isPadded =
        operator.kind === "conv2d" && Object.values(operator.attributes.padding).some((n) => n > 0);
      const zeroPoint = zeroPointOf(tensorOf(graph, input));
      const weights = tensorOf(graph, operator.inputs[1]!);
      const depth = channelsIn(graph, input);
      const taps = elements(weights) / weights.shape[0]!;
      return range.low.reduce<number[]>((list, code, channel) => {
        const isFoldable = isConstant(range, channel) && (!isPadded || code === zeroPoint);
        const isUsed = wanted.some((out) => {
          for (let tap = channel; tap < taps; tap += depth)
            if (weights.data![out * taps + tap] !== 0) return true;
          return false;
        });
        if (!isFoldable && isUsed) list.push(channel);
        return list;
      }, []);
    }
    case "depthwiseConv2d":
      return operator.attributes.multiplier === 1 ? [...wanted] : undefined;
    case "averagePool2d":
    case "maxPool2d":
      return [...wanted];
    case "reshape": {
      const depth = channelsIn(graph, input);
      return channelsIn(graph, operator.outputs[0]!) === depth ? [...wanted] : undefined;
    }
    default:
      return undefined;
  }
}

function rewrite(
  graph: Graph,
  operator: Operator,
  ranges: ReadonlyMap<string, ChannelRange>,
  kept: ReadonlyMap<string, readonly number[]>,
  tensors: Map<string, Tensor>,
): Operator {
  const output = operator.outputs[0]!;
  const keptOut = kept.get(output)!;
  shrink(graph, output, keptOut, tensors);
  if (operator.kind === "reshape") {
    const shape = tensors.get(output)!.shape;
    return { ...operator, attributes: { shape } };
  }
  if (operator.kind !== "conv2d" && operator.kind !== "depthwiseConv2d" && operator.kind !== "fullyConnected")
    return operator;
  const input = operator.inputs[0]!;
  const names = { weights: `${operator.name}#live.weights`, bias: `${operator.name}#live.bias` };
  const weights = tensorOf(graph, operator.inputs[1]!);
  const bias = (operator.inputs[2] ?? "") === "" ? undefined : tensorOf(graph, operator.inputs[2]!);
  const data = weights.data as Int8Array;
  const pick = (quantization: Quantization | undefined): { quantization?: Quantization } =>
    quantization === undefined
      ? {}
      : {
          quantization:
            quantization.scale.length === 1
              ? quantization
              : {
                  scale: Float32Array.from(keptOut, (channel) => quantization.scale[channel]!),
                  zeroPoint: new Int32Array(keptOut.length),
                  axis: quantization.axis,
                },
        };
  const biases = Int32Array.from(keptOut, (channel) => Number(bias?.data?.[channel] ?? 0));
  let live: Int8Array;
  let shape: number[];
  if (operator.kind === "depthwiseConv2d") {
    const all = weights.shape[3]!;
    const taps = data.length / all;
    live = Int8Array.from({ length: taps * keptOut.length }, (_, index) => {
      const [tap, at] = [Math.floor(index / keptOut.length), index % keptOut.length];
      return data[tap * all + keptOut[at]!]!;
    });
    shape = [...weights.shape.slice(0, 3), keptOut.length];
  } else {
    const range = ranges.get(input)!;
    const keptIn = kept.get(input)!;
    const depth = range.low.length;
    const zeroPoint = zeroPointOf(tensorOf(graph, input));
    const positions = data.length / weights.shape[0]! / depth;
    const isKept = new Set(keptIn);
    live = Int8Array.from(
      keptOut.flatMap((out, at) => {
        const row: number[] = [];
        for (let position = 0; position < positions; position++)
          for (let channel = 0; channel < depth; channel++) {
            const weight = data[(out * positions + position) * depth + channel]!;
            if (isKept.has(channel)) row.push(weight);
            else if (isConstant(range, channel)) biases[at]! += weight * (range.low[channel]! - zeroPoint);
          }
        return row;
      }),
    );
    shape =
      operator.kind === "conv2d"
        ? [keptOut.length, weights.shape[1]!, weights.shape[2]!, keptIn.length]
        : [keptOut.length, positions * keptIn.length];
  }
  tensors.set(names.weights, {
    name: names.weights,
    shape,
    dtype: "int8",
    data: live,
    ...pick(weights.quantization),
  });
  tensors.set(names.bias, {
    name: names.bias,
    shape: [keptOut.length],
    dtype: "int32",
    data: biases,
    ...pick(bias?.quantization),
  });
  return { ...operator, inputs: [input, names.weights, names.bias] };
}

function shrink(graph: Graph, name: string, kept: readonly number[], tensors: Map<string, Tensor>): void {
  const tensor = tensorOf(graph, name);
  tensors.set(name, { ...tensor, shape: [...tensor.shape.slice(0, -1), kept.length] });
}
