import { ModelFormatError } from "../../../errors.js";
import { type Attribute, type Initializer, type Node, toNumber } from "../proto.js";

/** One node of the file with its attributes by name and type. */
export class OnnxNode {
  readonly opType: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly #attributes: ReadonlyMap<string, Attribute>;

  constructor(
    node: Node,
    readonly opset: number,
  ) {
    this.opType = node.opType ?? "";
    this.inputs = node.input ?? [];
    this.outputs = node.output ?? [];
    // Names are optional in ONNX; the first output always names the node well enough to find it.
    this.name = node.name || this.outputs[0] || this.opType;
    this.#attributes = new Map((node.attribute ?? []).map((attribute) => [attribute.name ?? "", attribute]));
  }

  has(name: string): boolean {
    return this.#attributes.has(name);
  }

  int(name: string, fallback: number): number {
    const attribute = this.#attributes.get(name);
    return attribute === undefined ? fallback : toNumber(attribute.i);
  }

  float(name: string, fallback: number): number {
    return this.#attributes.get(name)?.f ?? fallback;
  }

  ints(name: string): number[] | undefined {
    return this.#attributes.get(name)?.ints?.map(toNumber);
  }

  floats(name: string): number[] | undefined {
    return this.#attributes.get(name)?.floats ?? undefined;
  }

  string(name: string, fallback: string): string {
    const bytes = this.#attributes.get(name)?.s;
    return bytes === null || bytes === undefined ? fallback : new TextDecoder().decode(bytes);
  }

  strings(name: string): string[] | undefined {
    return this.#attributes.get(name)?.strings?.map((bytes) => new TextDecoder().decode(bytes));
  }

  tensor(name: string): Initializer | undefined {
    return this.#attributes.get(name)?.t ?? undefined;
  }

  /** Name of the input at `index`, "" where it is absent. */
  input(index: number): string {
    return this.inputs[index] ?? "";
  }

  /** Name of an input that the operator can't do without. */
  required(index: number): string {
    const name = this.input(index);
    if (name === "") throw this.fault(`input ${index}`, "none");
    return name;
  }

  fault(expected: string, got: string): ModelFormatError {
    return new ModelFormatError({
      expected: `${expected} at ${this.opType} "${this.name}"`,
      got,
      todo: "The file contradicts ONNX's rules at that node: export the model again.",
    });
  }
}
