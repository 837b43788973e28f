import { GraphBuilder } from "@mote/toolchain/graph/builder";
import type { Graph, Operator } from "@mote/toolchain/graph/graph";
import { Random } from "@mote/toolchain/train/random";

/** Factors from 2^-OCTAVES to 2^OCTAVES: what depthwise layers after batch norm are known for, and then some. */
const OCTAVES = 6;

/**
 * The same function with badly scaled depthwise channels: before each of the convolutions `before`, a depthwise layer
 * with ReLU multiplies channel c by a factor, and that convolution's weights divide by it. Factors are powers of two:
 * the float model gives the same bytes.
 */
export function badlyScaled(graph: Graph, before: readonly string[], seed: number): Graph {
  const random = new Random(seed);
  const builder = new GraphBuilder(`${graph.name}-badly-scaled`);
  for (const name of graph.inputs) builder.input(graph.tensors.get(name)!);
  for (const tensor of graph.tensors.values()) if (tensor.data !== undefined) builder.tensor(tensor);
  for (const operator of graph.operators) {
    const isWanted = operator.kind === "conv2d" && before.includes(operator.outputs[0]!);
    builder.operator(isWanted ? spread(builder, operator, random) : operator);
  }
  builder.outputs.push(...graph.outputs);
  return { ...graph, ...builder.build() };
}

/** Adds the depthwise layer; gives the convolution that reads it. */
function spread(builder: GraphBuilder, operator: Operator, random: Random): Operator {
  const [x, weights, ...bias] = operator.inputs as [string, string, ...string[]];
  const channels = builder.get(x).shape.at(-1)!;
  const factors = Float32Array.from(
    { length: channels },
    () => 2 ** Math.round(random.between(-OCTAVES, OCTAVES)),
  );
  const at = `${operator.outputs[0]}/spread`;
  const kernel = new Float32Array(9 * channels);
  kernel.set(factors, 4 * channels);
  builder.tensor({ name: `${at}/kernel`, shape: [1, 3, 3, channels], dtype: "float32", data: kernel });
  builder.operator({
    kind: "depthwiseConv2d",
    name: at,
    inputs: [x, `${at}/kernel`],
    outputs: [at],
    attributes: {
      strideH: 1,
      strideW: 1,
      dilationH: 1,
      dilationW: 1,
      padding: { top: 1, bottom: 1, left: 1, right: 1 },
      multiplier: 1,
      activation: "relu",
    },
  });
  const source = builder.get(weights);
  const data = Float32Array.from(source.data as Float32Array, (value, i) => value / factors[i % channels]!);
  builder.tensor({ ...source, name: `${at}/weights`, data });
  return { ...operator, inputs: [at, `${at}/weights`, ...bias] } as Operator;
}
