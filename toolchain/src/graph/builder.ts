import { GraphError } from "../errors.js";
import type { Graph, Operator, Tensor } from "./graph.js";
import { inferShapes } from "./infer-shape.js";

/** Grows a graph operator by operator; shapes of outputs follow from the operators. */
export class GraphBuilder {
  readonly tensors = new Map<string, Tensor>();
  readonly operators: Operator[] = [];
  readonly inputs: string[] = [];
  readonly outputs: string[] = [];
  readonly #operatorNames = new Set<string>();

  constructor(readonly name: string) {}

  input(tensor: Tensor): string {
    this.inputs.push(tensor.name);
    return this.tensor(tensor);
  }

  /** Throws GraphError when another tensor has the name. */
  tensor(tensor: Tensor): string {
    if (this.tensors.has(tensor.name)) {
      throw new GraphError({
        expected: "tensor names that are unique",
        got: `a second "${tensor.name}"`,
        todo: "Export the model again with unique names.",
      });
    }
    this.tensors.set(tensor.name, tensor);
    return tensor.name;
  }

  get(name: string): Tensor {
    const tensor = this.tensors.get(name);
    if (tensor === undefined) {
      throw new GraphError({
        expected: `tensor "${name}" to be defined before it is read`,
        got: "no such tensor",
        todo: "The file names a value that nothing makes: a cycle, or operators out of order.",
      });
    }
    return tensor;
  }

  /** Adds the operator and its outputs; the outputs' dtype is the first input's unless given. */
  operator(operator: Operator, outputs: Partial<Pick<Tensor, "dtype" | "quantization">> = {}): string[] {
    const shapes = inferShapes(
      operator,
      operator.inputs.map((name) => (name === "" ? undefined : this.get(name).shape)),
    );
    let name = operator.name;
    for (let n = 2; this.#operatorNames.has(name); n++) name = `${operator.name}_${n}`;
    this.#operatorNames.add(name);
    this.operators.push({ ...operator, name } as Operator);
    const dtype = outputs.dtype ?? this.get(operator.inputs.find((input) => input !== "")!).dtype;
    return operator.outputs.map((output, i) =>
      this.tensor({
        name: output,
        shape: shapes[i]!,
        dtype,
        ...(outputs.quantization === undefined ? {} : { quantization: outputs.quantization }),
      }),
    );
  }

  freshName(wanted: string): string {
    let name = wanted;
    for (let n = 2; this.tensors.has(name); n++) name = `${wanted}_${n}`;
    return name;
  }

  build(): Graph {
    return {
      name: this.name,
      tensors: this.tensors,
      operators: this.operators,
      inputs: this.inputs,
      outputs: this.outputs,
    };
  }
}
