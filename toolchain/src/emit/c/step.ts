import type { OperatorKind } from "../../graph/graph.js";
import type { PlanStep } from "../../plan/problem.js";

/** What to trade flash for time by. */
export const OPTIMIZE = ["speed", "balanced", "size"] as const;
export type Optimize = (typeof OPTIMIZE)[number];

/** Kernels that cost alike per unit of work; the cost model is fitted per class. */
export type KernelClass =
  | "conv"
  | "winograd"
  | "pointwise"
  | "depthwise"
  | "dense"
  | "pool"
  | "elementwise"
  | "softmax"
  | "copy";

export interface CFunction {
  readonly name: string;
  /** The whole definition, comment included. */
  readonly source: string;
}

/** What the planner decided, as a kernel call needs it. */
export interface Placed {
  /** Byte offset of a buffer in the arena. */
  at(buffer: string): number;
  /** Byte offset of this step's scratch; 0 where it has none. */
  readonly scratch: number;
  readonly isInPlace: boolean;
}

export interface EmittedStep {
  /** One or more C statements; `p` is the parameter blob, `a` the arena, both byte pointers. */
  readonly call: string;
  /** Kernels that the call uses and what they use, callees first. Equal names mean equal sources. */
  readonly functions: readonly CFunction[];
  /** Assembly kernels, where the family has them. */
  readonly assembly?: readonly CFunction[];
}

/** One operator, lowered: what it costs, what the planner must know, and how to write it once places are known. */
export interface Step {
  readonly operator: string;
  readonly kind: OperatorKind;
  readonly kernelClass: KernelClass;
  readonly macs: number;
  readonly outputElements: number;
  /** Activation and parameter bytes that the kernel touches at least once. */
  readonly bytesMoved: number;
  readonly paramBytes: number;
  readonly plan: PlanStep;
  /** What the kernel has compiled in beyond shapes and attributes; part of the architecture. */
  readonly constants?: readonly number[];
  emit(placed: Placed): EmittedStep;
}
