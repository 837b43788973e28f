import { GraphError } from "../errors.js";
import { checkOperands } from "./check-operands.js";
import type { Graph, Tensor } from "./graph.js";
import { inferShapes } from "./infer-shape.js";
import { elementCount } from "./size.js";

/** Elements that one tensor may have at most: 2^31 bytes of int8, the largest that a 32-bit device can address. */
export const MAX_ELEMENTS = 2 ** 31;

/**
 * Every rule of the intermediate form: names are unique and known, operators stand in an order in which they can run,
 * shapes agree with what the operators make of them, constants have their elements and no NaN. Throws GraphError that
 * names the operator or tensor at fault; gives the graph back, so that a reader can end with it.
 */
export function validateGraph(graph: Graph): Graph {
  const ready = new Set<string>(graph.inputs);
  for (const [key, tensor] of graph.tensors) {
    if (key !== tensor.name) throw fault(`tensor "${tensor.name}" to be listed under its name`, `"${key}"`);
    checkTensor(tensor);
    if (tensor.data !== undefined) ready.add(key);
  }
  for (const name of [...graph.inputs, ...graph.outputs]) {
    if (!graph.tensors.has(name))
      throw fault("graph inputs and outputs that are tensors of the graph", `"${name}"`);
  }
  const operatorNames = new Set<string>();
  for (const operator of graph.operators) {
    const place = `${operator.kind} "${operator.name}"`;
    if (operatorNames.has(operator.name)) throw fault("operator names that are unique", `a second ${place}`);
    operatorNames.add(operator.name);
    for (const name of operator.inputs) {
      if (name === "") continue;
      if (!graph.tensors.has(name))
        throw fault(`inputs of ${place} that are tensors of the graph`, `"${name}"`);
      if (!ready.has(name)) {
        throw fault(
          `"${name}" to be computed before ${place} reads it`,
          "a cycle, or operators out of order",
        );
      }
    }
    const operands = operator.inputs.map((name) => graph.tensors.get(name)?.shape);
    checkOperands(operator, operands);
    const shapes = inferShapes(operator, operands);
    operator.outputs.forEach((name, i) => {
      const tensor = graph.tensors.get(name);
      if (tensor === undefined) throw fault(`outputs of ${place} that are tensors of the graph`, `"${name}"`);
      if (ready.has(name)) throw fault(`"${name}" to be made once`, `a second maker, ${place}`);
      const inferred = shapes[i];
      if (inferred !== undefined && !sameShape(inferred, tensor.shape)) {
        throw fault(
          `"${name}" of ${place} to have shape [${inferred.join(", ")}]`,
          `[${tensor.shape.join(", ")}]`,
        );
      }
      ready.add(name);
    });
  }
  for (const name of graph.outputs) {
    if (!ready.has(name)) throw fault(`graph output "${name}" to be computed`, "no operator that makes it");
  }
  return graph;
}

function checkTensor(tensor: Tensor): void {
  const place = `tensor "${tensor.name}"`;
  if (!tensor.shape.every((length) => Number.isSafeInteger(length) && length >= 1)) {
    throw fault(`${place} to have lengths of at least 1`, `shape [${tensor.shape.join(", ")}]`);
  }
  const count = elementCount(tensor.shape);
  if (count > MAX_ELEMENTS) throw fault(`${place} to have at most ${MAX_ELEMENTS} elements`, String(count));
  const { data, quantization } = tensor;
  if (data !== undefined && data.length !== count) {
    throw fault(
      `${place} of shape [${tensor.shape.join(", ")}] to have ${count} elements`,
      String(data.length),
    );
  }
  if (data instanceof Float32Array) {
    const at = data.findIndex((value) => !Number.isFinite(value));
    if (at >= 0) throw fault(`${place} to hold finite numbers`, `${data[at]} at element ${at}`);
  }
  if (quantization !== undefined) {
    const entries = quantization.axis === null ? 1 : tensor.shape[quantization.axis];
    if (quantization.scale.length !== entries || quantization.zeroPoint.length !== entries) {
      throw fault(
        `${place} to have ${entries} scales and zero points`,
        `${quantization.scale.length} and ${quantization.zeroPoint.length}`,
      );
    }
    if (!quantization.scale.every((scale) => Number.isFinite(scale) && scale > 0)) {
      throw fault(`${place} to have positive scales`, `one that is not`);
    }
  }
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((length, i) => length === b[i]);
}

function fault(expected: string, got: string): GraphError {
  return new GraphError({
    expected,
    got,
    todo: "The model can't be used as it is; see where it was exported.",
  });
}
