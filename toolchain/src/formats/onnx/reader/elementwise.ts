import type { OperatorKind, OperatorOf } from "../../../graph/graph.js";
import { elementCount } from "../../../graph/size.js";
import { unsupported } from "../proto.js";
import { type Activation, type Constant, type OnnxImporter, orderedConstant } from "./importer.js";
import { identityOrder, type Order, sameOrder } from "./layout.js";
import type { OnnxNode } from "./node.js";
import type { ReadNode, ReadTable } from "./operators.js";

/** float32's lowest and highest finite numbers: what ONNX's Clip means where no bound is given. */
export const LOWEST = -3.4028234663852886e38;
export const HIGHEST = 3.4028234663852886e38;

const NO_ACTIVATION = { activation: "none" } as const;

export const ELEMENTWISE: ReadTable = {
  Add: binary("add", NO_ACTIVATION),
  Sub: binary("sub", NO_ACTIVATION),
  Mul: binary("mul", NO_ACTIVATION),
  Div: binary("div", NO_ACTIVATION),
  Pow: readPow,
  Min: binary("minimum", {}),
  Max: binary("maximum", {}),
  Sum: binary("add", NO_ACTIVATION),
  PRelu: readPrelu,
  Relu: unary("relu", {}),
  LeakyRelu: (node, importer) => readUnary(node, importer, "leakyRelu", { alpha: node.float("alpha", 0.01) }),
  Elu: (node, importer) => readUnary(node, importer, "elu", { alpha: node.float("alpha", 1) }),
  Selu: (node, importer) =>
    readUnary(node, importer, "selu", {
      // The defaults of opset 1 differ in the last digits from those of opset 6 on, which are these.
      alpha: node.float("alpha", 1.6732632423543772),
      gamma: node.float("gamma", 1.0507009873554805),
    }),
  Gelu: (node, importer) =>
    readUnary(node, importer, "gelu", { approximate: node.string("approximate", "none") === "tanh" }),
  HardSigmoid: (node, importer) =>
    readUnary(node, importer, "hardSigmoid", {
      alpha: node.float("alpha", 0.2),
      beta: node.float("beta", 0.5),
    }),
  HardSwish: unary("hardSwish", {}),
  Sigmoid: unary("sigmoid", {}),
  Tanh: unary("tanh", {}),
  Softplus: unary("softplus", {}),
  Softsign: unary("softsign", {}),
  Exp: unary("exp", {}),
  Log: unary("log", {}),
  Sqrt: unary("sqrt", {}),
  Reciprocal: readReciprocal,
  Abs: unary("abs", {}),
  Neg: unary("neg", {}),
  Floor: unary("floor", {}),
  Ceil: unary("ceil", {}),
  Erf: unary("erf", {}),
  Sin: unary("sin", {}),
  Cos: unary("cos", {}),
  Clip: readClip,
  Identity: alias,
  Dropout: alias,
};

function unary<K extends OperatorKind>(kind: K, attributes: OperatorOf<K>["attributes"]): ReadNode {
  return (node, importer) => readUnary(node, importer, kind, attributes);
}

/** Works in whatever order its input stands. */
export function readUnary<K extends OperatorKind>(
  node: OnnxNode,
  importer: OnnxImporter,
  kind: K,
  attributes: OperatorOf<K>["attributes"],
): void {
  const x = importer.activation(node.required(0));
  const tensor = importer.step(node, kind, [x.tensor], attributes);
  importer.set(node.outputs[0]!, { ...x, tensor });
}

/** Two inputs; Min, Max and Sum take any number and become a chain. */
function binary<K extends OperatorKind>(kind: K, attributes: OperatorOf<K>["attributes"]): ReadNode {
  return (node, importer) => {
    if (node.inputs.length === 1) {
      alias(node, importer);
      return;
    }
    let left = importer.value(node.required(0));
    let leftName = node.required(0);
    for (let i = 1; i < node.inputs.length; i++) {
      const value = combine(
        node,
        importer,
        kind,
        attributes,
        [leftName, left],
        [node.required(i), legacyBroadcast(node, importer, node.required(i))],
      );
      left = value;
      leftName = value.tensor;
    }
    importer.set(node.outputs[0]!, left);
  };
}

type Value = Activation | Constant;

function combine<K extends OperatorKind>(
  node: OnnxNode,
  importer: OnnxImporter,
  kind: K,
  attributes: OperatorOf<K>["attributes"],
  [leftName, left]: [string, Value],
  [rightName, right]: [string, Value],
): Activation {
  const rank = Math.max(left.shape.length, right.shape.length);
  const order = commonOrder(left, right, rank);
  const a = operand(importer, leftName, left, order, rank);
  const b = operand(importer, rightName, right, order, rank);
  const tensor = importer.step(node, kind, [a, b], attributes);
  const shape = Array.from({ length: rank }, (_, i) =>
    Math.max(left.shape[i - rank + left.shape.length] ?? 1, right.shape[i - rank + right.shape.length] ?? 1),
  );
  return { tensor, shape, order };
}

/** The order that leaves most where it is: that of an input of full rank that is not in the file's own order. */
function commonOrder(a: Value, b: Value, rank: number): Order {
  const plain = identityOrder(rank);
  for (const value of [a, b]) {
    if ("data" in value || value.flattened !== undefined || value.shape.length !== rank) continue;
    if (!sameOrder(value.order, plain) && elementCount(value.shape) > 1) return value.order;
  }
  return plain;
}

/** Broadcasting counts axes from the right, so a lower rank gets leading ones before it is put in order. */
function operand(importer: OnnxImporter, name: string, value: Value, order: Order, rank: number): string {
  const shape = [...new Array<number>(rank - value.shape.length).fill(1), ...value.shape];
  if ("data" in value) {
    const axis = value.quantization?.axis;
    const quantization =
      value.quantization === undefined || axis === null || axis === undefined
        ? value.quantization
        : { ...value.quantization, axis: axis + rank - value.shape.length };
    const constant = { ...value, shape, ...(quantization === undefined ? {} : { quantization }) };
    const { shape: ordered } = orderedConstant(constant, order);
    // [1, 1, 1, C] is written [C]: kernels know a vector over channels when they see one.
    const first = ordered.findIndex((length) => length !== 1);
    const short = first < 0 ? [] : ordered.slice(first);
    return importer.constantTensor(name, withoutAxis(constant), order, short);
  }
  if (value.shape.length === rank) return importer.inOrder(value, order);
  const tensor = importer.reshaped(importer.plain(value), shape);
  return importer.inOrder({ tensor, shape, order: identityOrder(rank) }, order);
}

/** Constants of element-wise operators are quantized per tensor. */
function withoutAxis(constant: Constant): Constant {
  if (constant.quantization === undefined || constant.quantization.axis === null) return constant;
  throw unsupported(
    "a constant of an element-wise operator quantized along an axis",
    "Quantize it per tensor.",
  );
}

/** Before opset 7 the second input was aligned at `axis`, not at the right. */
function legacyBroadcast(node: OnnxNode, importer: OnnxImporter, name: string): Value {
  const value = importer.value(name);
  if (node.opset >= 7 || node.int("broadcast", 0) === 0 || !node.has("axis")) return value;
  const rank = importer.shapeOf(node.required(0)).length;
  const axis = node.int("axis", 0);
  const trailing = rank - (axis < 0 ? axis + rank : axis) - value.shape.length;
  const shape = [...value.shape, ...new Array<number>(Math.max(trailing, 0)).fill(1)];
  if ("data" in value) return { ...value, shape };
  const tensor = importer.reshaped(importer.plain(value), shape);
  return { tensor, shape, order: identityOrder(shape.length) };
}

/** A square is a product: integer kernels know products. */
function readPow(node: OnnxNode, importer: OnnxImporter): void {
  const exponent = importer.constant(node.required(1));
  const x = importer.value(node.required(0));
  if (exponent?.data.length === 1 && Number(exponent.data[0]) === 2 && !("data" in x)) {
    const tensor = importer.step(node, "mul", [x.tensor, x.tensor], NO_ACTIVATION);
    importer.set(node.outputs[0]!, { ...x, tensor });
    return;
  }
  binary("pow", {})(node, importer);
}

/** The slope broadcasts to the input from the left of its channels: [C, 1, 1], or [C] in old files. */
function readPrelu(node: OnnxNode, importer: OnnxImporter): void {
  const x = importer.activation(node.required(0));
  const slopeName = node.required(1);
  const slope = importer.value(slopeName);
  const rank = x.shape.length;
  const isPerChannel = slope.shape.length === 1 && slope.shape[0] !== 1 && slope.shape[0] === x.shape[1];
  const isTrailing = slope.shape[0] === x.shape[rank - 1] && node.opset >= 7;
  if (!isPerChannel || isTrailing || rank <= 2) {
    binary("prelu", {})(node, importer);
    return;
  }
  const shape = [slope.shape[0]!, ...new Array<number>(rank - 2).fill(1)];
  const widened: Value =
    "data" in slope
      ? { ...slope, shape }
      : {
          tensor: importer.reshaped(importer.plain(slope), shape),
          shape,
          order: identityOrder(shape.length),
        };
  importer.set(
    node.outputs[0]!,
    combine(node, importer, "prelu", {}, [node.required(0), x], [slopeName, widened]),
  );
}

function readReciprocal(node: OnnxNode, importer: OnnxImporter): void {
  const x = importer.activation(node.required(0));
  const one = importer.literal(`${node.outputs[0]}/one`, [], new Float32Array([1]));
  const tensor = importer.step(node, "div", [one, x.tensor], NO_ACTIVATION);
  importer.set(node.outputs[0]!, { ...x, tensor });
}

function readClip(node: OnnxNode, importer: OnnxImporter): void {
  const bound = (index: number, name: string, fallback: number): number => {
    if (node.opset < 11) return node.float(name, fallback);
    const input = node.input(index);
    if (input === "") return fallback;
    const constant = importer.constant(input);
    if (constant === undefined) throw node.fault(`a constant ${name}`, "one that is computed");
    const value = Number(constant.data[0]);
    // A quantized bound is read through its scale.
    const { quantization } = constant;
    return quantization === undefined
      ? value
      : Math.fround(quantization.scale[0]! * (value - quantization.zeroPoint[0]!));
  };
  const min = Math.max(bound(1, "min", LOWEST), LOWEST);
  const max = Math.min(bound(2, "max", HIGHEST), HIGHEST);
  if (min === 0 && max === 6) readUnary(node, importer, "relu6", {});
  else if (min === 0 && max === HIGHEST) readUnary(node, importer, "relu", {});
  else readUnary(node, importer, "clip", { min, max });
}

/** The value under another name. Training-time operators do nothing at inference. */
export function alias(node: OnnxNode, importer: OnnxImporter): void {
  importer.set(node.outputs[0]!, importer.value(node.required(0)));
}
