/**
 * What the planner is asked: buffers, the steps that read and write them, and which outputs may lie on an input.
 * It knows nothing of operators or C; emit/ lowers a graph to this, and a random graph in a test is one too.
 */

export interface PlanBuffer {
  readonly name: string;
  readonly bytes: number;
}

/** The output may be written over `input` while the step runs, `outputLag` bytes below the input's first byte. */
export interface InPlace {
  readonly input: string;
  readonly output: string;
  readonly outputLag: number;
  /** Working memory that the step needs on top of its own when it writes over its input. */
  readonly extraScratchBytes: number;
}

export interface PlanStep {
  readonly name: string;
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  /** Working memory of this step alone. */
  readonly scratchBytes: number;
  /** Possible overlaps, best first; the planner takes at most one. */
  readonly inPlace: readonly InPlace[];
}

export interface PlanProblem {
  readonly buffers: ReadonlyMap<string, PlanBuffer>;
  readonly steps: readonly PlanStep[];
  /** Filled by the caller before the first step. */
  readonly inputs: readonly string[];
  /** Read by the caller after the last step. */
  readonly outputs: readonly string[];
  /** Every offset is a multiple of this. */
  readonly alignment: number;
}

/** A buffer (or a step's scratch) with its place; alive while steps first..last run. */
export interface PlacedBuffer {
  readonly name: string;
  readonly bytes: number;
  readonly offset: number;
  readonly first: number;
  readonly last: number;
}

export interface Plan {
  /** Indices into `problem.steps` in the order in which they run. */
  readonly order: readonly number[];
  readonly arenaBytes: number;
  readonly placed: ReadonlyMap<string, PlacedBuffer>;
  /** Scratch offset per step of `problem.steps`; absent where a step has none. */
  readonly scratch: ReadonlyMap<number, number>;
  readonly overlaps: readonly InPlace[];
  /** Most bytes alive at once in this order with these overlaps: no placement needs less. */
  readonly lowerBoundBytes: number;
  /** What greedy-by-size takes in the given order without overlaps. */
  readonly greedyBytes: number;
  /** The offsets are optimal for this order and these overlaps. */
  readonly isProvedOptimal: boolean;
}
