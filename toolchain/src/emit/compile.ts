import { checkParamsLayout, PARAMS_LAYOUT_SCHEMA, type ParamsLayout, toHex } from "@mote/protocol";
import { UnsupportedError } from "../errors.js";
import type { Graph } from "../graph/graph.js";
import { planArena } from "../plan/plan.js";
import type { Plan } from "../plan/problem.js";
import type { CoreId, Target } from "../targets/target.js";
import { architectureHash, describeArchitecture, givenShifts } from "./architecture.js";
import { scaleOf, tensorOf, zeroPointOf } from "./c/arithmetic.js";
import type { DspOptions } from "./c/dsp/context.js";
import { exampleFiles } from "./c/example.js";
import { type Family, type Lowered, lowerGraph } from "./c/lower.js";
import { assemblyFiles, identifierOf, type ModelText, modelHeader, modelSource } from "./c/model.js";
import { type ParamOffset, ParamWriter } from "./c/params.js";
import type { Optimize, Step } from "./c/step.js";
import { withoutDeadChannels } from "./dead-channels.js";
import { withoutRoundTrips } from "./round-trips.js";

export { OPTIMIZE, type Optimize } from "./c/step.js";

export type Contract = "updatable" | "fixed";

export interface CompileOptions {
  readonly optimize?: Optimize;
  /** Kernels; by default the fastest that the target's core runs. */
  readonly family?: Family;
  /** `fixed` takes what these weights allow; a new model is new code then. */
  readonly contract?: Contract;
  /** Description of code that is out there already (architecture.json): only parameters that it can take are packed. */
  readonly like?: string;
  /** C identifier; by default made from the graph's name. */
  readonly identifier?: string;
}

export interface CompiledModel {
  readonly identifier: string;
  readonly target: string;
  /** `updatable`: any parameters of the architecture; `fixed`: these weights only. */
  readonly contract: Contract;
  /** Kernel family: `portable` C or `dsp`. */
  readonly family: Family;
  /** Relative path -> text: the model's .h and .c, and an example that builds. */
  readonly files: ReadonlyMap<string, string>;
  /** params.bin: see emit/c/params.ts for its layout. */
  readonly params: Uint8Array;
  /** Lower-case hex, 64 digits. */
  readonly architectureHash: string;
  /** What the hash was taken over. */
  readonly architecture: string;
  /** What lies where in the parameters: for patches between any of this architecture. */
  readonly layout: ParamsLayout;
  readonly plan: Plan;
  readonly steps: readonly Step[];
  readonly text: ModelText;
}

/** Cores with the DSP extension and a register file that the matrix kernel may park words in (VMOV). */
const DSP_CORES: ReadonlySet<CoreId> = new Set([
  "cortex-m4f",
  "cortex-m7",
  "cortex-m33",
  "cortex-m55",
  "cortex-m85",
]);

function familyOf(core: CoreId): Family {
  return DSP_CORES.has(core) ? "dsp" : "portable";
}

/** Offsets in the arena: the largest element that a kernel reads as one word. */
const ARENA_ALIGNMENT_BYTES = 8;

/** Compiles a quantized graph (int8 inputs and outputs) to C11 for `target`. Does not touch the disk. */
export function compileGraph(asked: Graph, target: Target, options: CompileOptions = {}): CompiledModel {
  const contract = options.contract ?? "updatable";
  const settled = withoutRoundTrips(asked);
  const graph = contract === "fixed" ? withoutDeadChannels(settled) : settled;
  const family = options.family ?? familyOf(target.core);
  const settings = {
    optimize: options.optimize ?? "balanced",
    ...(options.like === undefined ? {} : { given: givenShifts(options.like) }),
  };
  const usual = layOut(graph, family, settings);
  // Another layout of one tensor pays where it brings the arena down, which only the plan can tell.
  const other = usual.lowered.hasRowsChoice
    ? layOut(graph, family, { ...settings, rowsTogether: true })
    : usual;
  const { params, edgeParams, lowered, plan } = other.plan.arenaBytes < usual.plan.arenaBytes ? other : usual;
  const { steps, bufferOf } = lowered;
  const emitted = steps.map((step, index) =>
    step.emit({
      at: (buffer) => plan.placed.get(buffer)!.offset,
      scratch: plan.scratch.get(index) ?? 0,
      isInPlace: plan.overlaps.some(({ output }) => step.plan.writes.includes(output)),
    }),
  );
  const architecture = describeArchitecture(graph, {
    family,
    contract,
    paramBytes: params.length,
    constants: steps.map((step) => step.constants ?? []),
  });
  if (options.like !== undefined && architecture !== options.like.trim()) throw otherArchitecture(graph.name);
  const hash = architectureHash(architecture);
  const blob = params.finish(hash);
  const identifier = options.identifier ?? identifierOf(graph.name);
  const text: ModelText = {
    graph,
    identifier,
    target: target.id,
    plan,
    steps,
    emitted,
    bufferOf,
    architectureHash: hash,
    paramBytes: blob.length,
    edgeParams,
  };
  const files = new Map<string, string>([
    [`${identifier}.h`, modelHeader(text)],
    [`${identifier}.c`, modelSource(text)],
    ...assemblyFiles(text),
    ...exampleFiles(text, target),
  ]);
  return {
    identifier,
    target: target.id,
    contract,
    family,
    files,
    params: blob,
    architectureHash: toHex(hash),
    architecture,
    layout: checkParamsLayout({
      schema: PARAMS_LAYOUT_SCHEMA,
      architectureHash: toHex(hash),
      paramBytes: blob.length,
      ranges: params.ranges,
    }),
    plan,
    steps,
    text,
  };
}

interface LaidOut {
  readonly params: ParamWriter;
  readonly edgeParams: ParamOffset;
  readonly lowered: Lowered;
  readonly plan: Plan;
}

/** Kernels, parameters and places. */
function layOut(graph: Graph, family: Family, settings: DspOptions): LaidOut {
  const params = new ParamWriter();
  const edgeParams = params.length;
  for (const name of [...graph.inputs, ...graph.outputs]) {
    params.float32(scaleOf(tensorOf(graph, name)));
    params.int32s([zeroPointOf(tensorOf(graph, name))]);
  }
  const lowered = lowerGraph(graph, params, family, settings);
  const { steps, buffers, bufferOf } = lowered;
  const plan = planArena({
    buffers,
    steps: steps.map((step) => step.plan),
    inputs: graph.inputs.map((name) => bufferOf.get(name)!),
    outputs: graph.outputs.map((name) => bufferOf.get(name)!),
    alignment: ARENA_ALIGNMENT_BYTES,
  });
  return { params, edgeParams, lowered, plan };
}

function otherArchitecture(name: string): UnsupportedError {
  return new UnsupportedError({
    expected: `parameters that the code of --like can take`,
    got: `"${name}", which needs other code: another shape, or weights for which its short arithmetic can't be proved`,
    todo: "Compile it as new code and ship that as firmware, or retrain from the model that is on the devices.",
  });
}
