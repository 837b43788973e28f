import { permute } from "../../../graph/size.js";
import { unsupported } from "../proto.js";
import type { Activation, Constant, OnnxImporter } from "./importer.js";
import { identityOrder } from "./layout.js";
import type { OnnxNode } from "./node.js";
import type { ReadTable } from "./operators.js";

/** Matrix products. With constant weights they are fully-connected layers. */
export const MATRIX: ReadTable = { Gemm: readGemm, MatMul: readMatMul };

const NONE = { activation: "none" } as const;

function readGemm(node: OnnxNode, importer: OnnxImporter): void {
  const alpha = node.float("alpha", 1);
  const beta = node.float("beta", 1);
  const name = node.required(1);
  const isTransposed = node.int("transB", 0) === 1;
  const weights = importer.value(name);
  let x = importer.activation(node.required(0));
  if (node.int("transA", 0) === 1) {
    x = { tensor: importer.inOrder(x, [1, 0]), shape: [x.shape[1]!, x.shape[0]!], order: [0, 1] };
  }
  const biasName = node.input(2);
  const biasShape = biasName === "" ? undefined : importer.shapeOf(biasName);
  const isVector =
    biasShape === undefined || biasShape.length === 1 || (biasShape.length === 2 && biasShape[0] === 1);
  const isPlain = alpha === 1 && (biasName === "" || (beta === 1 && isVector));
  const out = node.outputs[0]!;
  if (isPlain) {
    const rows = "data" in weights ? constantRows(importer, name, weights, x, isTransposed) : undefined;
    const tensorX = rows === undefined ? importer.plain(x) : x.tensor;
    const tensorW = rows ?? importer.operand(name, isTransposed ? [0, 1] : [1, 0]);
    const units = importer.builder.get(tensorW).shape[0]!;
    const bias = biasShape === undefined ? [] : biasOf(importer, biasName, biasShape, units);
    if (bias !== undefined) {
      const order = identityOrder(2);
      importer.emit(node, "fullyConnected", [tensorX, tensorW, ...bias], { ...NONE, keepDims: false }, order);
      return;
    }
  }
  const attributes = { transposeA: false, transposeB: isTransposed };
  let result = importer.step(node, "matMul", [importer.plain(x), importer.operand(name, [0, 1])], attributes);
  if (alpha !== 1) result = scaled(node, importer, result, alpha);
  if (biasShape !== undefined) {
    const bias = importer.operand(biasName, identityOrder(biasShape.length));
    result = importer.step(
      node,
      "add",
      [result, beta === 1 ? bias : scaled(node, importer, bias, beta)],
      NONE,
    );
  }
  importer.set(out, { tensor: result, shape: importer.builder.get(result).shape, order: identityOrder(2) });
}

/** The bias as a vector of one number per unit; undefined where it has another length, such as a scalar. */
function biasOf(
  importer: OnnxImporter,
  name: string,
  shape: readonly number[],
  units: number,
): string[] | undefined {
  if (shape.at(-1) !== units) return undefined;
  return [importer.operand(name, identityOrder(shape.length), [units])];
}

function scaled(node: OnnxNode, importer: OnnxImporter, tensor: string, factor: number): string {
  const constant = importer.literal(`${node.outputs[0]}/factor`, [], new Float32Array([factor]));
  return importer.step(node, "mul", [tensor, constant], NONE);
}

/**
 * Weights as [out, in]. Where the input was flattened from a channels-last image, the columns of the weights follow the
 * order that the input's have in memory, and no transpose is needed at run time. Undefined where that can't be.
 */
function constantRows(
  importer: OnnxImporter,
  name: string,
  weights: Constant,
  x: Activation,
  isTransposed: boolean,
): string | undefined {
  const order = isTransposed ? [0, 1] : [1, 0];
  if (x.flattened === undefined) {
    return x.order.every((axis, i) => axis === i) ? importer.constantTensor(name, weights, order) : undefined;
  }
  const { shape, order: imageOrder } = x.flattened;
  const rows = isTransposed ? weights : transposed(weights);
  const [units, depth] = rows.shape as [number, number];
  // [out, C·H·W] seen as [out, C, H, W], put in the image's order (without the batch, which stands first).
  const asImage: Constant = { ...rows, shape: [units, ...shape.slice(1)] };
  if (imageOrder[0] !== 0) return undefined;
  return importer.constantTensor(name, asImage, imageOrder, [units, depth]);
}

function transposed(constant: Constant): Constant {
  const { data, shape } = permute(constant.data, constant.shape, [1, 0]);
  const { quantization } = constant;
  if (quantization === undefined || quantization.axis === null) return { ...constant, data, shape };
  return { ...constant, data, shape, quantization: { ...quantization, axis: 1 - quantization.axis } };
}

function readMatMul(node: OnnxNode, importer: OnnxImporter): void {
  const name = node.required(1);
  const weights = importer.value(name);
  const left = importer.value(node.required(0));
  const x = importer.activation(node.required(0));
  if ("data" in weights && !("data" in left) && weights.shape.length === 2 && x.shape.length >= 2) {
    const rows = constantRows(importer, name, weights, x, false);
    const tensorX = rows === undefined ? importer.plain(x) : x.tensor;
    const inputs = [tensorX, rows ?? importer.constantTensor(name, weights, [1, 0])];
    const attributes = { ...NONE, keepDims: x.shape.length !== 2 };
    importer.emit(node, "fullyConnected", inputs, attributes, identityOrder(x.shape.length));
    return;
  }
  const rankB = weights.shape.length;
  if (x.shape.length < 2 || rankB < 2) {
    throw unsupported(`MatMul "${node.name}" with a vector`, "Give both inputs rank 2 or more.");
  }
  const inputs = [importer.plain(x), importer.operand(name, identityOrder(rankB))];
  const rank = Math.max(x.shape.length, rankB);
  importer.emit(node, "matMul", inputs, { transposeA: false, transposeB: false }, identityOrder(rank));
}
