import type { OperatorOf } from "../../../graph/graph.js";
import { activationRange, channelsOf, elements, tensorOf, zeroPointOf } from "../arithmetic.js";
import type { CFunction, Step } from "../step.js";
import { channelsAt, constS8, edgesAt, type LowerContext, makeStep, s8, u8 } from "./context.js";
import { writeChannels, writeEdges } from "./conv.js";
import { requantizerOf } from "./requantize.js";
import { paddedInputs, rowBias, rowsFunctions, writeRows } from "./rows.js";

export function lowerDense(context: LowerContext, operator: OperatorOf<"fullyConnected">): Step {
  const { graph, params } = context;
  const input = tensorOf(graph, operator.inputs[0]!);
  const output = tensorOf(graph, operator.outputs[0]!);
  const [outDepth, depth] = tensorOf(graph, operator.inputs[1]!).shape as [number, number];
  const rows = elements(input) / depth;
  const channels = channelsOf(graph, operator);
  const range = activationRange(operator.attributes.activation, output);
  const edges = writeEdges(params, zeroPointOf(input), zeroPointOf(output), range);
  const scaling = writeChannels(params, channels, (channel) => rowBias(channel, zeroPointOf(input)));
  const weights = writeRows(params, channels, depth);
  const [from, to] = [context.bufferOf(input.name), context.bufferOf(output.name)];
  const requantize = requantizerOf(channels, context.takeGiven(operator.name));
  const kernel = denseKernel(rows, depth, outDepth, requantize);
  return makeStep(context, operator, [input.name], {
    kernelClass: "dense",
    macs: rows * depth * outDepth,
    paramBytes: params.length - edges,
    scratchBytes: paddedInputs(depth),
    constants: [60, requantize === "requantize" ? 0 : 1],
    emit: (placed) => ({
      call: `${kernel.name}(${constS8(placed.at(from))}, ${s8(placed.at(to))}, ${edgesAt(edges)}, ${channelsAt(scaling)}, p + ${weights}, ${u8(placed.scratch)});`,
      functions: [...rowsFunctions(requantize), kernel],
    }),
  });
}

function denseKernel(rows: number, depth: number, outDepth: number, requantize: string): CFunction {
  const inputs = paddedInputs(depth);
  const name = `dense_${rows}x${depth}_to${outDepth}_${requantize}`;
  return {
    name,
    source: `/* Fully connected, ${rows} row${rows === 1 ? "" : "s"} of ${depth} -> ${outDepth} */
static void ${name}(const int8_t *in, int8_t *out, const edges_t *edges, const channel_t *channels, const uint8_t *weights, uint8_t *vector) {
${inputs > depth ? `    memset(vector + ${depth}, 0, ${inputs - depth});\n` : ""}    for (int32_t row = 0; row < ${rows}; row++, in += ${depth}, out += ${outDepth}) {
        const uint32_t total = gather(in, vector, ${depth});
        rows_${requantize}(vector, total, ${inputs}, weights, channels, ${outDepth}, edges, out);
    }
}
`,
  };
}
