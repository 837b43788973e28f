import type { TensorSpec } from "@mote/protocol";
import { UnsupportedError } from "../errors.js";
import { dequantizeOutput, prepareInteger, quantizeInput } from "../execute/index.js";
import type { Graph, Tensor, TensorData } from "../graph/graph.js";
import { layoutChange } from "./onnx-runner.js";
import { type Runner, rawBytes } from "./runner.js";

/** Runs a quantized graph with the integers that the generated C computes, so golden vectors need no tolerance. */
export function openInteger(graph: Graph, sampleShape: readonly number[], ramBytes: number): Runner {
  const inputTensor = only(graph, "input", graph.inputs);
  const outputTensor = only(graph, "output", graph.outputs);
  const model = prepareInteger(graph);
  // Refuses a sample of another size; the graph is channels-last, as data sets are.
  layoutChange(sampleShape, inputTensor.shape);
  return {
    input: specOf(inputTensor),
    output: specOf(outputTensor),
    ramBytes,
    async run(sample) {
      const input = quantizeInput(inputTensor, sample);
      const results = model.run(new Map<string, TensorData>([[inputTensor.name, input as TensorData]]));
      const output = results.get(outputTensor.name)!;
      return {
        input: rawBytes(narrow(input as TensorData)),
        output: rawBytes(narrow(output)),
        real: dequantizeOutput(outputTensor, output),
      };
    },
    close: async () => {},
  };
}

function only(graph: Graph, what: string, names: readonly string[]): Tensor {
  const tensor = names.length === 1 ? graph.tensors.get(names[0]!) : undefined;
  if (tensor !== undefined && tensor.quantization !== undefined) return tensor;
  throw new UnsupportedError({
    expected: `a quantized model with one ${what}`,
    got: names.length === 1 ? `a float ${what}` : `${names.length} ${what}s`,
    todo: "Quantize the model first: `mote quantize`.",
  });
}

function specOf(tensor: Tensor): TensorSpec {
  const { dtype, name, shape, quantization } = tensor;
  if (dtype !== "int8" && dtype !== "int16" && dtype !== "uint8") throw notInteger(dtype);
  return {
    name,
    dtype,
    shape: [...shape],
    scale: quantization!.scale[0]!,
    zeroPoint: quantization!.zeroPoint[0]!,
  };
}

function narrow(values: TensorData): Int8Array | Uint8Array | Int16Array {
  if (values instanceof Int8Array || values instanceof Uint8Array || values instanceof Int16Array)
    return values;
  throw notInteger(values.constructor.name);
}

function notInteger(got: string): UnsupportedError {
  return new UnsupportedError({
    expected: "int8, uint8 or int16 codes at the model's edge",
    got,
    todo: "Quantize the model with `mote quantize --scheme int8`.",
  });
}
