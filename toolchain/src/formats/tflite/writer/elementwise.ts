import type { Operator, OperatorOf } from "../../../graph/graph.js";
import { type BuiltinName, TENSOR_TYPE } from "../schema.js";
import {
  code,
  type FormContext,
  type FormTable,
  NO_OPTIONS,
  plain,
  type TfliteForm,
  unsupported,
} from "./form.js";

/** Operators on each element by itself, along one axis, or between dtypes. */
export const ELEMENTWISE: FormTable = {
  batchNorm: writeBatchNorm,
  add: arithmetic("ADD", 11),
  sub: arithmetic("SUB", 28),
  mul: arithmetic("MUL", 21),
  div: arithmetic("DIV", 29),
  minimum: plain("MINIMUM", 39),
  maximum: plain("MAXIMUM", 39),
  pow: plain("POW", 56),
  prelu: plain("PRELU", 0),
  relu: plain("RELU", 0),
  relu6: plain("RELU6", 0),
  clip: (operator) => {
    const { min, max } = operator.attributes;
    if (min !== -1 || max !== 1)
      throw unsupported(operator, `clip to [${min}, ${max}]`, "Use ReLU or ReLU6.");
    return { type: "RELU_N1_TO_1", inputs: operator.inputs, options: NO_OPTIONS };
  },
  elu: plain("ELU", 0),
  leakyRelu: (operator) => ({
    type: "LEAKY_RELU",
    inputs: operator.inputs,
    options: [75, [[0, "float32", operator.attributes.alpha]]],
  }),
  gelu: (operator) => ({
    type: "GELU",
    inputs: operator.inputs,
    options: [116, [[0, "int8", operator.attributes.approximate ? 1 : 0]]],
  }),
  hardSwish: plain("HARD_SWISH", 91),
  sigmoid: plain("LOGISTIC", 0),
  tanh: plain("TANH", 0),
  exp: plain("EXP", 33),
  log: plain("LOG", 0),
  sqrt: plain("SQRT", 0),
  rsqrt: plain("RSQRT", 0),
  abs: plain("ABS", 78),
  neg: plain("NEG", 42),
  floor: plain("FLOOR", 0),
  ceil: plain("CEIL", 0),
  sin: plain("SIN", 0),
  cos: plain("COS", 84),
  softmax: (operator, context) => {
    lastAxis(operator, operator.attributes.axis, context);
    return {
      type: "SOFTMAX",
      inputs: operator.inputs,
      options: [9, [[0, "float32", operator.attributes.beta]]],
    };
  },
  logSoftmax: (operator, context) => {
    lastAxis(operator, operator.attributes.axis, context);
    return { type: "LOG_SOFTMAX", inputs: operator.inputs, options: [36, []] };
  },
  cast: (operator, context) => ({
    type: "CAST",
    inputs: operator.inputs,
    options: [
      37,
      [
        [0, "int8", TENSOR_TYPE[context.tensor(operator.inputs[0]!).dtype] ?? 0],
        [1, "int8", TENSOR_TYPE[operator.attributes.to] ?? 0],
      ],
    ],
  }),
  quantize: plain("QUANTIZE", 89),
  requantize: plain("QUANTIZE", 89),
  dequantize: plain("DEQUANTIZE", 38),
};

function arithmetic(
  type: BuiltinName,
  options: number,
): (operator: OperatorOf<"add"> | OperatorOf<"sub"> | OperatorOf<"mul"> | OperatorOf<"div">) => TfliteForm {
  return (operator) => ({
    type,
    inputs: operator.inputs,
    options: [options, [[0, "int8", code(operator, operator.attributes.activation)]]],
  });
}

/** TensorFlow Lite has no batch norm: it is a product and a sum over the channels, folded from its four vectors. */
function writeBatchNorm(operator: OperatorOf<"batchNorm">, context: FormContext): TfliteForm {
  const x = context.tensor(operator.inputs[0]!);
  const [scale, shift, mean, variance] = operator.inputs.slice(1).map((name) => context.tensor(name).data);
  const out = operator.outputs[0]!;
  if (x.dtype !== "float32" || !scale || !shift || !mean || !variance) {
    throw unsupported(
      operator,
      "a batch norm of integers or of computed vectors",
      "Fold it (mote quantize does).",
    );
  }
  const { epsilon } = operator.attributes;
  const factors = Float32Array.from(
    variance as Float32Array,
    (value, i) => Number(scale[i]) / Math.sqrt(value + epsilon),
  );
  const terms = factors.map((factor, i) => Number(shift[i]) - Number(mean[i]) * factor);
  const vector = (name: string, data: Float32Array) =>
    context.constant({ name: `${out}/${name}`, shape: [data.length], dtype: "float32", data });
  const none = [0, "int8", 0] as const;
  const product = context.before(
    { type: "MUL", inputs: [x.name, vector("factors", factors)], options: [21, [none]] },
    x,
    x.shape,
  );
  return { type: "ADD", inputs: [product, vector("terms", terms)], options: [11, [none]] };
}

function lastAxis(operator: Operator, axis: number, context: FormContext): void {
  const rank = context.tensor(operator.inputs[0]!).shape.length;
  if (axis === -1 || axis === rank - 1) return;
  throw unsupported(operator, `axis ${axis}`, "Transpose so that it works on the last axis.");
}
