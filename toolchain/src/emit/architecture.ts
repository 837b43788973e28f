import { createHash } from "node:crypto";
import { ModelFormatError } from "../errors.js";
import type { Graph } from "../graph/graph.js";
import { elements, tensorOf } from "./c/arithmetic.js";

export interface ArchitectureFacts {
  readonly family: string;
  /** `updatable`, or `fixed` with everything that the code takes from one set of weights. */
  readonly contract: string;
  readonly paramBytes: number;
  /** Per step, what its kernel has compiled in beyond shapes and attributes. */
  readonly constants: readonly (readonly number[])[];
}

/**
 * What the generated code takes for granted, as one line of JSON with a fixed order of keys: operators, their
 * attributes and shapes, how they are connected, the layout of the parameters. Scales, zero points and weights are not
 * part of it; they come with the parameters. Names are not part of it either.
 */
export function describeArchitecture(graph: Graph, facts: ArchitectureFacts): string {
  const numberOf = new Map<string, number>();
  const number = (name: string): number => {
    if (name === "") return -1;
    if (!numberOf.has(name)) numberOf.set(name, numberOf.size);
    return numberOf.get(name)!;
  };
  const inputs = graph.inputs.map(number);
  const operators = graph.operators.map(({ kind, attributes, inputs: from, outputs: to }) => [
    kind,
    Object.entries(attributes as Record<string, unknown>).sort(([a], [b]) => (a < b ? -1 : 1)),
    from.map(number),
    to.map(number),
  ]);
  const outputs = graph.outputs.map(number);
  const tensors = [...numberOf.keys()].map((name) => {
    const { shape, dtype, data } = tensorOf(graph, name);
    return [dtype, shape, data === undefined ? 0 : elements(tensorOf(graph, name))];
  });
  return JSON.stringify({
    format: 1,
    family: facts.family,
    contract: facts.contract,
    inputs,
    outputs,
    operators,
    tensors,
    constants: facts.constants,
    paramBytes: facts.paramBytes,
  });
}

/** SHA-256 of the description, 32 bytes. */
export function architectureHash(description: string): Uint8Array {
  return new Uint8Array(createHash("sha256").update(description).digest());
}

/** First numbers of a step's constants where the second is a shift that the kernel has compiled in. */
const SHIFTED_KERNELS: ReadonlySet<number> = new Set([10, 11, 12, 13, 20, 30, 50]);
/** The same for the portable family's kernels: 0 for the general form, 1 for one that not all parameters allow. */
const PORTABLE_KERNELS: ReadonlySet<number> = new Set([51, 60, 61]);
/** What `givenShifts` says of a portable kernel. */
export const PORTABLE_GENERAL = -1;
export const PORTABLE_SHORT = -2;

/** Per operator that requantizes, in the order of the steps. Throws ModelFormatError for what is no description. */
export function givenShifts(description: string): number[] {
  try {
    const { constants } = JSON.parse(description) as { constants: number[][] };
    return constants.flatMap(([kernel = 0, form]) => {
      if (SHIFTED_KERNELS.has(kernel)) return [form!];
      return PORTABLE_KERNELS.has(kernel) ? [form === 1 ? PORTABLE_SHORT : PORTABLE_GENERAL] : [];
    });
  } catch (cause) {
    throw new ModelFormatError({
      expected: "the architecture.json that `mote compile` wrote",
      got: "something else",
      todo: "Name the folder of the earlier compilation.",
      cause,
    });
  }
}
