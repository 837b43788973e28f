import type { OperatorOf } from "../../../graph/graph.js";
import type { OnnxWriter } from "../writer.js";
import { type EmitTable, emit } from "./emit.js";

export const MATRICES: EmitTable = {
  fullyConnected: writeFullyConnected,
  matMul: (operator, writer) => {
    const [a, b] = operator.inputs as [string, string];
    const { transposeA, transposeB } = operator.attributes;
    const inputs = [matrix(writer, a, transposeA), matrix(writer, b, transposeB)];
    emit(writer, operator, "MatMul", inputs, {}, "plain");
  },
};

/** Gemm wants a matrix; a fully-connected layer of the graph flattens what it gets, or works along the last axis. */
function writeFullyConnected(operator: OperatorOf<"fullyConnected">, writer: OnnxWriter): void {
  const [x, weights, bias] = operator.inputs as [string, string, string?];
  const [out] = operator.outputs as [string];
  const { shape } = writer.tensor(x);
  const [units, width] = writer.tensor(weights).shape as [number, number];
  const isMatrix = shape.length === 2 && shape[1] === width;
  let rows = writer.readPlain(x);
  if (operator.attributes.keepDims && shape.length !== 2 && !bias) {
    emit(writer, operator, "MatMul", [rows, writer.readWeights(weights, [1, 0])], {}, "plain");
    return;
  }
  if (!isMatrix) {
    const matrixName = writer.fresh(`${out}/matrix`);
    writer.node("Reshape", [rows, writer.integers(`${out}/rows`, [-1, width])], [matrixName]);
    rows = matrixName;
  }
  const inputs = [rows, writer.readWeights(weights, [0, 1])];
  if (bias) inputs.push(writer.read(bias));
  const outShape = writer.tensor(out).shape;
  if (outShape.length === 2) {
    emit(writer, operator, "Gemm", inputs, { transB: 1 });
    return;
  }
  const product = writer.fresh(`${out}/product`);
  writer.node("Gemm", inputs, [product], { transB: 1 });
  const wanted = writer.integers(`${out}/shape`, [...outShape.slice(0, -1), units]);
  emit(writer, operator, "Reshape", [product, wanted], {}, "plain");
}

function matrix(writer: OnnxWriter, name: string, isTransposed: boolean): string {
  const value = writer.readPlain(name);
  if (!isTransposed) return value;
  const rank = writer.rank(name);
  const perm = Array.from({ length: rank }, (_, i) => (i < rank - 2 ? i : 2 * rank - 3 - i));
  const out = writer.fresh(`${name}/transposed`);
  writer.node("Transpose", [value], [out], { perm });
  return out;
}
