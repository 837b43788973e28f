import type { Graph, Operator, OperatorKind } from "../../../graph/graph.js";
import type { PlanStep } from "../../../plan/problem.js";
import { elements, tensorOf } from "../arithmetic.js";
import type { ParamWriter } from "../params.js";
import type { EmittedStep, KernelClass, Placed, Step } from "../step.js";

/** What lowering one operator may look at, and where it puts its parameters. */
export interface LowerContext {
  readonly graph: Graph;
  readonly params: ParamWriter;
  /** The arena buffer that holds a tensor (a reshape's output shares its input's). */
  bufferOf(tensor: string): string;
  /** What existing code has compiled in for an operator's kernel (see givenShifts); undefined where there is no such code. */
  takeGiven(operator: string): number | undefined;
}

/** Hands each operator the next of the shifts, and the same one again when a second family tries it. */
export function shiftsByOperator(given?: readonly number[]): LowerContext["takeGiven"] {
  const rest = [...(given ?? [])];
  const taken = new Map<string, number | undefined>();
  return (operator) => {
    if (!taken.has(operator)) taken.set(operator, rest.shift());
    return taken.get(operator);
  };
}

export interface StepParts {
  readonly kernelClass: KernelClass;
  readonly macs: number;
  readonly paramBytes: number;
  readonly scratchBytes?: number;
  readonly inPlace?: PlanStep["inPlace"];
  /** What the kernel has compiled in and the parameters must agree with; part of the architecture. */
  readonly constants?: readonly number[];
  emit(placed: Placed): EmittedStep;
}

/** Fills in what every lowered operator has in common. `activations` are the inputs that live in the arena. */
export function makeStep(
  context: LowerContext,
  operator: Operator,
  activations: readonly string[],
  parts: StepParts,
): Step {
  const { graph } = context;
  const outputElements = operator.outputs.reduce((sum, name) => sum + elements(tensorOf(graph, name)), 0);
  const inputElements = activations.reduce((sum, name) => sum + elements(tensorOf(graph, name)), 0);
  return {
    operator: operator.name,
    kind: operator.kind as OperatorKind,
    kernelClass: parts.kernelClass,
    macs: parts.macs,
    outputElements,
    bytesMoved: inputElements + outputElements + parts.paramBytes,
    paramBytes: parts.paramBytes,
    ...(parts.constants === undefined ? {} : { constants: parts.constants }),
    plan: {
      name: operator.name,
      reads: activations.map((name) => context.bufferOf(name)),
      writes: operator.outputs.map((name) => context.bufferOf(name)),
      scratchBytes: parts.scratchBytes ?? 0,
      inPlace: parts.inPlace ?? [],
    },
    emit: parts.emit,
  };
}

/** Arena and parameter addresses as C expressions. */
export const s8 = (offset: number): string => `(int8_t *)(a + ${offset})`;
export const constS8 = (offset: number): string => `(const int8_t *)(a + ${offset})`;
export const weightsAt = (offset: number): string => `(const int8_t *)(p + ${offset})`;
export const u8 = (offset: number): string => `(a + ${offset})`;
export const channelsAt = (offset: number): string => `(const channel_t *)(const void *)(p + ${offset})`;
export const edgesAt = (offset: number): string => `(const edges_t *)(const void *)(p + ${offset})`;
export const int32sAt = (offset: number): string => `(const int32_t *)(const void *)(p + ${offset})`;
