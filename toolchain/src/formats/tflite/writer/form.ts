import type { Builder, Offset } from "flatbuffers";
import { UnsupportedError } from "../../../errors.js";
import type { Activation, Graph, Operator, OperatorKind, OperatorOf, Tensor } from "../../../graph/graph.js";
import { ACTIVATIONS, type BuiltinName } from "../schema.js";

/** One field of an options table: its place, how wide it is, and its value. Fields at their default are left out. */
export type Field = readonly [place: number, type: "int8" | "int32" | "float32", value: number];

/** How an operator is said in TensorFlow Lite. */
export interface TfliteForm {
  readonly type: BuiltinName;
  readonly inputs: readonly string[];
  /** The operator's outputs that TensorFlow Lite's has; all unless given. */
  readonly outputs?: readonly string[];
  /** Tensors that say how values inside the operator are quantized. */
  readonly intermediates?: readonly string[];
  /** BuiltinOptions' number of the options table, and its fields; 0 for none. */
  readonly options: readonly [kind: number, fields: readonly Field[]];
}

/** What a form may need beyond its operator: tensors of the graph, and constants of its own. */
export interface FormContext {
  readonly graph: Graph;
  tensor(name: string): Tensor;
  /** Adds an int32 constant, such as a shape; gives its name. */
  integers(wanted: string, values: readonly number[]): string;
  /** Adds a float or integer constant; gives its name. */
  constant(tensor: Tensor): string;
  /** Adds a state that lasts from one run to the next and begins at zero; gives its name. */
  variable(tensor: Tensor): string;
  /** Adds an operator, before the one that is being written, for some of the outputs of the graph's. */
  also(form: TfliteForm, outputs: readonly string[]): void;
  /** Adds an operator before the one that is being written; gives the name of its output. */
  before(form: TfliteForm, like: Tensor, shape: readonly number[]): string;
}

export type Form<K extends OperatorKind> = (operator: OperatorOf<K>, context: FormContext) => TfliteForm;

export type FormTable = { readonly [K in OperatorKind]?: Form<K> };

export const NO_OPTIONS = [0, []] as const;

/** Writes the options table of a form; 0 where it has none. */
export function writeOptions(builder: Builder, [kind, fields]: TfliteForm["options"]): Offset {
  if (kind === 0) return 0;
  builder.startObject(Math.max(0, ...fields.map(([place]) => place)) + 1);
  for (const [place, type, value] of fields) {
    // Written even where it equals the default: which default a reader assumes has changed between schemas.
    if (type === "float32") {
      builder.addFloat32(value);
    } else if (type === "int32") {
      builder.addInt32(value);
    } else {
      builder.addInt8(value);
    }
    builder.slot(place);
  }
  return builder.endObject();
}

/** An operator of the same inputs, whose options are all at their defaults. */
export function plain(type: BuiltinName, options: number): (operator: Operator) => TfliteForm {
  return (operator) => ({ type, inputs: operator.inputs, options: [options, []] });
}

export function code(operator: Operator, activation: Activation): number {
  const found = ACTIVATIONS.indexOf(activation);
  if (found < 0) throw unsupported(operator, `activation ${activation}`, "Use an operator of its own.");
  return found;
}

export function unsupported(operator: Operator, what: string, todo: string): UnsupportedError {
  return new UnsupportedError({
    expected: `something TensorFlow Lite can say at ${operator.kind} "${operator.name}"`,
    got: what,
    todo,
  });
}
