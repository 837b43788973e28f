import { GraphError } from "../../../errors.js";
import { type LayerContext, type LayerTable, operands, type Value } from "../importer.js";

/**
 * Arithmetic written as `a + b` or `tf.math.…` between layers: TFOpLambda of Keras 2 with a function's name. Keras 3
 * writes such as layers named after the operation.
 */
export const OPERATIONS: LayerTable = {
  TFOpLambda: (context, inputs) => {
    const name = context.config.string("function", "");
    const operation = FUNCTIONS[name.replace(/^(tf\.)?(compat\.v1\.)?/, "").replace(/^__operators__\./, "")];
    context.config.refuse(
      operation === undefined,
      `tf.${name}`,
      `Replace it by a layer; ${Object.keys(FUNCTIONS).join(", ")} are read.`,
    );
    return applied(context, inputs, operation!);
  },
  // Operations of Keras 3, by the names of their classes.
  TrueDivide: (context, inputs) => applied(context, inputs, "div"),
  Divide: (context, inputs) => applied(context, inputs, "div"),
  Relu: (context, inputs) => applied(context, inputs, "relu"),
  Relu6: (context, inputs) => applied(context, inputs, "relu6"),
  Sigmoid: (context, inputs) => applied(context, inputs, "sigmoid"),
  Tanh: (context, inputs) => applied(context, inputs, "tanh"),
};

type Operation =
  | "add"
  | "sub"
  | "mul"
  | "div"
  | "maximum"
  | "minimum"
  | "relu"
  | "relu6"
  | "sigmoid"
  | "tanh";

const FUNCTIONS: Readonly<Record<string, Operation>> = {
  add: "add",
  "math.add": "add",
  "math.subtract": "sub",
  "math.multiply": "mul",
  "math.truediv": "div",
  "math.divide": "div",
  "math.maximum": "maximum",
  "math.minimum": "minimum",
  "nn.relu": "relu",
  "nn.relu6": "relu6",
  "math.sigmoid": "sigmoid",
  "nn.sigmoid": "sigmoid",
  "math.tanh": "tanh",
  "nn.tanh": "tanh",
};

const UNARY: ReadonlySet<Operation> = new Set(["relu", "relu6", "sigmoid", "tanh"]);

function applied(context: LayerContext, inputs: readonly Value[], operation: Operation): Value {
  const { importer, path } = context;
  const wanted = UNARY.has(operation) ? 1 : 2;
  const tensors = operands(context, inputs).slice(0, wanted);
  if (tensors.length !== wanted) {
    throw new GraphError({
      expected: `${wanted} operands of ${context.config.place}`,
      got: `${tensors.length}`,
      todo: "Replace the operation by a layer (Add, Multiply, …).",
    });
  }
  const attributes =
    UNARY.has(operation) || operation === "maximum" || operation === "minimum" ? {} : { activation: "none" };
  return importer.made(importer.step(path, operation, tensors, attributes));
}
