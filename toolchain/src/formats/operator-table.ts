import { INTEGER_KINDS } from "../execute/integer/run.js";
import { READABLE_LAYERS as KERAS_READ } from "./keras/read.js";
import { READABLE_OPERATORS as ONNX_READ } from "./onnx/read.js";
import { WRITABLE_KINDS as ONNX_WRITTEN } from "./onnx/write-operators.js";
import { READABLE_OPERATORS as TFLITE_READ } from "./tflite/read-operators.js";
import { WRITABLE_KINDS as TFLITE_WRITTEN } from "./tflite/write-operators.js";

/** docs/operators.md, made of the readers' and writers' own tables: what they can do is what it says. */
export function operatorsPage(): string {
  const sorted = (names: readonly string[]) =>
    [...names]
      .sort()
      .map((name) => `\`${name}\``)
      .join(", ");
  const kinds = [...new Set([...ONNX_WRITTEN, ...TFLITE_WRITTEN, ...INTEGER_KINDS.int8])].sort();
  const rows = kinds.map((kind) => {
    const mark = (list: readonly string[]) => (list.includes(kind) ? "yes" : "-");
    const marks = [ONNX_WRITTEN, TFLITE_WRITTEN, INTEGER_KINDS.int8, INTEGER_KINDS.int16].map(mark);
    return `| \`${kind}\` | ${marks.join(" | ")} |`;
  });
  return [
    "# Operators",
    "",
    "What Mote reads and writes, by format. `mote inspect MODEL` says it for one model: each operator that is not",
    "supported with its count, its places and what can be done. This page is generated: change the tables in",
    "`toolchain/src/formats`, then run `UPDATE_DOCS=1 npx vitest run toolchain/src/formats/operator-table.test.ts`.",
    "",
    "## Read from ONNX (opset 6 to the newest)",
    "",
    `${sorted(ONNX_READ)}.`,
    "",
    "One and two spatial dimensions; three are refused. Recurrent layers without peepholes, clipping or sequence",
    "lengths. `QuantizeLinear` and `DequantizeLinear` around an operator make it an integer operator; uint8 codes are",
    "read as int8, 128 lower. Nodes that compute shapes are folded away. Images come out channels-last.",
    "",
    "## Read from TensorFlow Lite (float32, float16 weights, int8, int16x8, int4 weights)",
    "",
    `${sorted(TFLITE_READ)}.`,
    "",
    "## Read from Keras (`.h5` and `.keras` of Keras 2 and 3) and TensorFlow.js (layers models, `model.json`)",
    "",
    `${sorted(KERAS_READ)}.`,
    "",
    "Sequential and Functional models, models inside models, layers that are shared; channels-last. Recurrent layers with",
    "tanh and sigmoid, `SimpleRNN` with tanh or ReLU, without state and masks. Inputs are float32 whatever their dtype.",
    "A layer that holds Python code (`Lambda`, classes of one's own) is named with its count and place.",
    "",
    "## Written, and executed in integers ([docs/integers.md](integers.md) says which)",
    "",
    "| operator of the graph | ONNX | TensorFlow Lite | int8 | int16x8 |",
    "|---|---|---|---|---|",
    ...rows,
    "",
    "ONNX: opset 13, or 14 with `HardSwish`, 17 with `LayerNormalization`, 20 with `Gelu`. An integer graph is written as",
    "QDQ with float32 inputs and outputs. TensorFlow Lite: padding that is neither SAME nor VALID becomes a `PAD` before",
    "the operator.",
    "",
  ].join("\n");
}
