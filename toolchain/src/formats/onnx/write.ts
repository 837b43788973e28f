import type { Graph } from "../../graph/graph.js";
import { validateGraph } from "../../graph/validate.js";
import { encodeModel } from "./proto.js";
import { emitOperator } from "./write-operators.js";
import { OnnxWriter } from "./writer.js";

/**
 * Writes a float graph as float ONNX, and a quantized one as QDQ: int8 constants, and a QuantizeLinear and
 * DequantizeLinear pair around every activation, which ONNX Runtime fuses into integer kernels. Inputs and outputs of the
 * file are float32 in either case; images are channels-first [N, C, H, W]. Throws UnsupportedError naming the operator
 * that ONNX has no word for.
 */
export function writeOnnx(graph: Graph): Uint8Array {
  const writer = new OnnxWriter(validateGraph(graph));
  return encodeModel(writer.model(emitOperator));
}
