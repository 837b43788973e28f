import { UnsupportedError } from "../errors.js";
import type { Graph, TensorData } from "../graph/graph.js";
import { runFloat } from "./float.js";
import { dequantizeOutput, isQuantized, quantizeInput } from "./integer/edge.js";
import { type IntegerOptions, prepareInteger } from "./integer/run.js";
import { isMixed, openMixed } from "./mixed.js";

/** One door to both executors, in real numbers: integer graphs are quantized and dequantized at their edge. */
export interface RunnableModel {
  readonly graph: Graph;
  readonly isQuantized: boolean;
  /** Real values of the graph's outputs, or of every activation when the model was opened with `keep`. */
  run(sample: Float32Array): Promise<ReadonlyMap<string, Float32Array>>;
}

/** Opens a graph with one input. Float layers run in ONNX Runtime, integer layers in the exact executor. */
export function openRunnable(graph: Graph, options: IntegerOptions = {}): RunnableModel {
  const name = graph.inputs[0];
  const input = name === undefined ? undefined : graph.tensors.get(name);
  if (input === undefined || graph.inputs.length !== 1) {
    throw new UnsupportedError({
      expected: `one input of "${graph.name}"`,
      got: `${graph.inputs.length}`,
      todo: "Models with several inputs can be run by mote run, but not on a data set.",
    });
  }
  const toReals = (values: ReadonlyMap<string, TensorData>): Map<string, Float32Array> =>
    new Map([...values].map(([key, codes]) => [key, dequantizeOutput(graph.tensors.get(key)!, codes)]));
  if (isMixed(graph)) {
    const model = openMixed(graph, options);
    return {
      graph,
      isQuantized: true,
      run: async (sample) => toReals(await model.run(new Map([[input.name, quantizeInput(input, sample)]]))),
    };
  }
  if (!isQuantized(graph)) {
    const keep = options.keep === true ? "all" : [...graph.outputs];
    return {
      graph,
      isQuantized: false,
      async run(sample) {
        const values = await runFloat(graph, new Map([[input.name, sample]]), { keep });
        const reals = onlyFloat(values);
        if (options.keep === true) reals.set(input.name, sample);
        return reals;
      },
    };
  }
  const model = prepareInteger(graph, options);
  return {
    graph,
    isQuantized: true,
    run(sample) {
      const values = model.run(new Map([[input.name, quantizeInput(input, sample)]]));
      return Promise.resolve(toReals(values));
    },
  };
}

function onlyFloat(values: ReadonlyMap<string, unknown>): Map<string, Float32Array> {
  const reals = new Map<string, Float32Array>();
  for (const [name, value] of values) if (value instanceof Float32Array) reals.set(name, value);
  return reals;
}
