import type { Tensor as OrtTensor } from "onnxruntime-web";
import { DataError } from "../errors.js";
import { writeOnnx } from "../formats/onnx/write.js";
import type { Graph, Tensor, TensorData } from "../graph/graph.js";
import { elementCount } from "../graph/size.js";
import { type OnnxRuntime, openOnnxRuntime } from "./onnx-runtime.js";

/** Float execution through ONNX Runtime: the graph is written as ONNX and run, every tensor readable if wanted. */

export interface FloatOptions {
  /** Tensors to give back: names, or "all" activations. Default: the graph's outputs. */
  readonly keep?: readonly string[] | "all";
  /** False: operators as they are written, none fused. The runtime fuses by default. */
  readonly fuse?: boolean;
}

export interface FloatModel {
  /** Inputs and results in the graph's own layout (channels-last), row-major. */
  run(inputs: ReadonlyMap<string, TensorData>): Promise<Map<string, TensorData>>;
  release(): Promise<void>;
}

const opened = new WeakMap<Graph, Map<string, Promise<FloatModel>>>();

/** Runs a float graph once; the session is kept for the next call with the same graph and options. */
export async function runFloat(
  graph: Graph,
  inputs: ReadonlyMap<string, TensorData>,
  options: FloatOptions = {},
): Promise<Map<string, TensorData>> {
  const models = opened.get(graph) ?? new Map<string, Promise<FloatModel>>();
  opened.set(graph, models);
  const key = JSON.stringify(options.keep ?? null);
  const model = models.get(key) ?? openFloat(graph, options);
  models.set(key, model);
  return (await model).run(inputs);
}

/** Opens a session of a float graph. Throws UnsupportedError for an operator that ONNX can't say. */
export async function openFloat(graph: Graph, options: FloatOptions = {}): Promise<FloatModel> {
  const kept = keptNames(graph, options.keep);
  // In and out in the graph's own order: the runtime turns images better than a loop here would.
  const fileOrder = new Map([...graph.inputs, ...kept].map((name) => [name, ownOrder(graph, name)]));
  const bytes = writeOnnx({ ...graph, outputs: kept, fileOrder });
  const runtime = await openOnnxRuntime();
  const session = await runtime.InferenceSession.create(bytes, {
    ...runtime.options,
    ...(options.fuse === false && { graphOptimizationLevel: "disabled" as const }),
  });
  return {
    async run(inputs) {
      const feeds: Record<string, OrtTensor> = {};
      for (const name of graph.inputs)
        feeds[name] = toRuntime(runtime, graph.tensors.get(name)!, inputs.get(name));
      const results = await session.run(feeds, kept);
      return new Map(kept.map((name) => [name, fromRuntime(graph.tensors.get(name)!, results[name]!)]));
    },
    release: () => session.release(),
  };
}

function ownOrder(graph: Graph, name: string): number[] {
  return (graph.tensors.get(name)?.shape ?? []).map((_, axis) => axis);
}

function keptNames(graph: Graph, keep: FloatOptions["keep"]): string[] {
  if (keep === undefined) return [...graph.outputs];
  if (keep !== "all") return [...new Set(keep)];
  const made = graph.operators.flatMap((operator) => operator.outputs);
  return [...new Set([...made, ...graph.outputs])];
}

function toRuntime(runtime: OnnxRuntime, tensor: Tensor, data: TensorData | undefined): OrtTensor {
  const count = elementCount(tensor.shape);
  if (data === undefined || data.length !== count) {
    throw new DataError({
      expected: `${count} elements for input "${tensor.name}" [${tensor.shape.join(", ")}]`,
      got: data === undefined ? "nothing" : `${data.length}`,
      todo: "Give every input of the model in its own shape (mote inspect shows it).",
    });
  }
  const { shape } = tensor;
  if (data instanceof Float32Array) return new runtime.Tensor("float32", data, shape);
  if (data instanceof Int8Array) return new runtime.Tensor("int8", data, shape);
  if (data instanceof Uint8Array) return new runtime.Tensor("uint8", data, shape);
  if (data instanceof Int16Array) return new runtime.Tensor("int16", data, shape);
  if (data instanceof Int32Array) return new runtime.Tensor("int32", data, shape);
  return new runtime.Tensor("int64", data, shape);
}

function fromRuntime(tensor: Tensor, result: OrtTensor): TensorData {
  const data = result.data;
  if (!isNumeric(data)) {
    throw new DataError({
      expected: `numbers for "${tensor.name}"`,
      got: result.type,
      todo: "Models that give text are not for small devices.",
    });
  }
  // Both builds copy results out of their own memory: the array is the caller's.
  return data;
}

function isNumeric(data: unknown): data is TensorData {
  return (
    data instanceof Float32Array ||
    data instanceof Int8Array ||
    data instanceof Uint8Array ||
    data instanceof Int16Array ||
    data instanceof Int32Array ||
    data instanceof BigInt64Array
  );
}
