import type { Graph, Operator } from "../../../graph/graph.js";
import type { PlanBuffer } from "../../../plan/problem.js";
import { elements, tensorOf } from "../arithmetic.js";
import type { ParamWriter } from "../params.js";
import { type LowerContext, type StepParts, shiftsByOperator } from "../portable/context.js";
import type { Optimize, Step } from "../step.js";
import { type Planes, planesBytes, planesOf } from "./geometry.js";

/** A step with the buffers that it touches, by name: the DSP family has two layouts per tensor. */
export interface DspStepParts extends StepParts {
  readonly reads: readonly string[];
  readonly writes: readonly string[];
}

export interface DspOptions {
  readonly optimize: Optimize;
  /** Shifts that existing code has compiled in, in the order of its kernels. */
  readonly given?: readonly number[];
  /** The first convolution may lay the rows of its channels together, over the input that it consumes. */
  readonly rowsTogether?: boolean;
}

/**
 * Where the DSP family stands while it walks the graph: which layouts of each tensor exist, and the steps so far. A
 * tensor is held as codes (int8 NHWC, the portable layout) or as planes; asking for the one that is not there adds a
 * conversion.
 */
export class DspContext implements LowerContext {
  readonly graph: Graph;
  readonly params: ParamWriter;
  readonly isTurned: boolean;
  readonly optimize: Optimize;
  readonly rowsTogether: boolean;
  /** There was a tensor for `rowsTogether` to decide on. */
  hasRowsChoice = false;
  /** Multiplications of all convolutions: what a layer's share is taken of. */
  readonly allMacs: number;
  readonly steps: Step[] = [];
  readonly buffers = new Map<string, PlanBuffer>();
  readonly takeGiven: LowerContext["takeGiven"];
  readonly #codes = new Map<string, string>();
  readonly #planes = new Map<string, { buffer: string; planes: Planes }>();

  constructor(
    graph: Graph,
    params: ParamWriter,
    isTurned: boolean,
    { optimize, given, rowsTogether = false }: DspOptions,
  ) {
    this.graph = graph;
    this.params = params;
    this.isTurned = isTurned;
    this.optimize = optimize;
    this.rowsTogether = rowsTogether;
    this.allMacs = convolutionMacs(graph);
    this.takeGiven = shiftsByOperator(given);
    for (const name of graph.inputs) this.addCodes(name);
  }

  /** LowerContext: portable steps read and write codes. */
  bufferOf(tensor: string): string {
    return this.#codes.get(tensor) ?? this.addCodes(tensor);
  }

  addCodes(tensor: string): string {
    this.#codes.set(tensor, tensor);
    // Whole words: kernels read codes four at a time.
    const bytes = Math.ceil(elements(tensorOf(this.graph, tensor)) / 4) * 4;
    this.buffers.set(tensor, { name: tensor, bytes });
    return tensor;
  }

  codesOf(tensor: string): string | undefined {
    return this.#codes.get(tensor);
  }

  addPlanes(
    tensor: string,
    planes = planesOf(tensorOf(this.graph, tensor), this.isTurned),
  ): { buffer: string; planes: Planes } {
    const buffer = `${tensor}#planes`;
    this.buffers.set(buffer, { name: buffer, bytes: planesBytes(planes) });
    const held = { buffer, planes };
    this.#planes.set(tensor, held);
    return held;
  }

  heldPlanes(tensor: string): { buffer: string; planes: Planes } | undefined {
    return this.#planes.get(tensor);
  }

  /** A reshape: both layouts of the input become the output's (planes keep their shape; see dense.ts). */
  alias(from: string, to: string): void {
    const codes = this.#codes.get(from);
    if (codes !== undefined) this.#codes.set(to, codes);
    const planes = this.#planes.get(from);
    if (planes !== undefined) this.#planes.set(to, planes);
  }

  push(operator: Operator, parts: DspStepParts): void {
    const sizeOf = (names: readonly string[]): number =>
      names.reduce((sum, name) => sum + this.buffers.get(name)!.bytes, 0);
    this.steps.push({
      operator: operator.name,
      kind: operator.kind,
      kernelClass: parts.kernelClass,
      macs: parts.macs,
      outputElements: operator.outputs.reduce((sum, name) => sum + elements(tensorOf(this.graph, name)), 0),
      bytesMoved: sizeOf(parts.reads) + sizeOf(parts.writes) + parts.paramBytes,
      paramBytes: parts.paramBytes,
      constants: parts.constants ?? [],
      plan: {
        name: operator.name,
        reads: parts.reads,
        writes: parts.writes,
        scratchBytes: parts.scratchBytes ?? 0,
        inPlace: parts.inPlace ?? [],
      },
      emit: parts.emit,
    });
  }
}

function convolutionMacs(graph: Graph): number {
  return graph.operators.reduce((sum, { kind, inputs, outputs }) => {
    if (kind !== "conv2d" && kind !== "depthwiseConv2d") return sum;
    const weights = tensorOf(graph, inputs[1]!);
    const output = tensorOf(graph, outputs[0]!);
    const channels = output.shape.at(-1) ?? 1;
    return sum + (elements(output) / channels) * elements(weights);
  }, 0);
}

export const bytesAt = (offset: number): string => `(a + ${offset})`;
export const wordsAt = (offset: number): string => `(uint32_t *)(void *)(a + ${offset})`;
