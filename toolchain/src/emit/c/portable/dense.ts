import type { OperatorOf } from "../../../graph/graph.js";
import { activationRange, channelsOf, elements, tensorOf, zeroPointOf } from "../arithmetic.js";
import type { CFunction, Step } from "../step.js";
import { channelLoop, dotsFor } from "./channel-loop.js";
import { channelsAt, constS8, edgesAt, type LowerContext, makeStep, s8, weightsAt } from "./context.js";
import { concatWeights, writeChannels, writeEdges } from "./conv.js";
import { REQUANTIZING } from "./requantize.js";

export function lowerDense(context: LowerContext, operator: OperatorOf<"fullyConnected">): Step {
  const { graph, params } = context;
  const input = tensorOf(graph, operator.inputs[0]!);
  const output = tensorOf(graph, operator.outputs[0]!);
  const [outDepth, depth] = tensorOf(graph, operator.inputs[1]!).shape as [number, number];
  const rows = elements(input) / depth;
  const channels = channelsOf(graph, operator);
  const range = activationRange(operator.attributes.activation, output);
  const edges = writeEdges(params, zeroPointOf(input), zeroPointOf(output), range);
  const scaling = writeChannels(params, channels, zeroPointOf(input));
  const weights = params.bytes(concatWeights(channels));
  const [from, to] = [context.bufferOf(input.name), context.bufferOf(output.name)];
  const kernel = denseKernel(rows, depth, outDepth);
  return makeStep(context, operator, [input.name], {
    kernelClass: "dense",
    macs: rows * depth * outDepth,
    paramBytes: params.length - edges,
    emit: (placed) => ({
      call: `${kernel.name}(${constS8(placed.at(from))}, ${s8(placed.at(to))}, ${edgesAt(edges)}, ${channelsAt(scaling)}, ${weightsAt(weights)});`,
      functions: [...REQUANTIZING, ...dotsFor(outDepth), kernel],
    }),
  });
}

function denseKernel(rows: number, depth: number, outDepth: number): CFunction {
  const name = `dense_${rows}x${depth}_to${outDepth}`;
  return {
    name,
    source: `/* Fully connected, ${rows} row${rows === 1 ? "" : "s"} of ${depth} -> ${outDepth} */
static void ${name}(const int8_t *in, int8_t *out, const edges_t *edges, const channel_t *channels, const int8_t *weights) {
    for (int32_t row = 0; row < ${rows}; row++, in += ${depth}) {
        const int8_t *w = weights;
${channelLoop(
  outDepth,
  depth,
  (acc) =>
    `                ${acc.isPair ? `dot_pair(in, w, ${depth}, ${depth}, acc);` : `acc[0] = dot(in, w, ${depth}, acc[0]);`}\n`,
  "*out++",
)}    }
}
`,
  };
}
