import { UnsupportedError } from "../../../errors.js";
import type { DType, Quantization, TensorData } from "../../../graph/graph.js";
import { unsupported } from "../proto.js";
import type { OnnxImporter } from "./importer.js";
import type { OnnxNode } from "./node.js";
import type { ReadTable } from "./operators.js";

/**
 * Quantize and dequantize nodes as they stand; settle-qdq.ts makes integer operators of what is between them. Codes of
 * uint8 are read as int8, 128 lower, which is the same numbers.
 */
export const QUANTIZE: ReadTable = {
  QuantizeLinear: (node, importer) => {
    const x = importer.activation(node.required(0));
    const { quantization, dtype } = scales(node, importer, null);
    const tensor = importer.step(node, "quantize", [x.tensor], {}, { dtype, quantization });
    importer.set(node.outputs[0]!, { ...x, tensor });
  },
  DequantizeLinear: (node, importer) => {
    const name = node.required(0);
    const value = importer.value(name);
    if ("data" in value) {
      const axis = node.int("axis", 1);
      const rank = value.shape.length;
      const { quantization } = scales(node, importer, Math.min(axis < 0 ? axis + rank : axis, rank - 1));
      const codes = value.dtype === "uint8" ? signed(value.data) : value.data;
      const dtype = value.dtype === "uint8" ? "int8" : value.dtype;
      importer.set(node.outputs[0]!, { shape: value.shape, dtype, data: codes, quantization });
      return;
    }
    if (importer.builder.get(value.tensor).quantization === undefined) {
      throw unsupported(
        `DequantizeLinear "${node.name}" of a value that no QuantizeLinear made`,
        "Export the model with float32 inputs (QDQ form).",
      );
    }
    const tensor = importer.step(node, "dequantize", [value.tensor], {}, { dtype: "float32" });
    importer.set(node.outputs[0]!, { ...value, tensor });
  },
};

/** Scale and zero point; one entry each, or one per index of `axis`. */
function scales(
  node: OnnxNode,
  importer: OnnxImporter,
  axis: number | null,
): { quantization: Quantization; dtype: DType } {
  const scale = importer.constant(node.required(1));
  const zeroName = node.input(2);
  const zero = zeroName === "" ? undefined : importer.constant(zeroName);
  if (scale === undefined || (zeroName !== "" && zero === undefined)) {
    throw unsupported(`${node.opType} "${node.name}" with computed scales`, "Quantize statically.");
  }
  if (!(scale.data instanceof Float32Array)) throw node.fault("float32 scales", scale.dtype);
  const count = scale.data.length;
  if (count > 1 && axis === null) {
    throw unsupported(
      `${node.opType} "${node.name}" with a scale per channel on an activation`,
      "Quantize activations per tensor.",
    );
  }
  const dtype = zero?.dtype ?? "uint8";
  if (dtype !== "int8" && dtype !== "uint8" && dtype !== "int16" && dtype !== "int32") {
    throw new UnsupportedError({
      expected: `int8, uint8, int16 or int32 codes at ${node.opType} "${node.name}"`,
      got: dtype,
      todo: "Quantize to int8.",
    });
  }
  const shift = dtype === "uint8" ? 128 : 0;
  const points = zero === undefined ? [] : Array.from(zero.data as ArrayLike<number | bigint>, Number);
  return {
    dtype: dtype === "uint8" ? "int8" : dtype,
    quantization: {
      scale: scale.data,
      zeroPoint: Int32Array.from({ length: count }, (_, i) => (points[i] ?? 0) - shift),
      axis: count > 1 ? axis : null,
    },
  };
}

function signed(data: TensorData): Int8Array {
  return Int8Array.from(data as Uint8Array, (code) => code - 128);
}
