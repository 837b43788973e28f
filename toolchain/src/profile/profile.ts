import { type CompileOptions, compileGraph } from "../emit/compile.js";
import type { Graph } from "../graph/graph.js";
import type { Plan } from "../plan/problem.js";
import { CORE_BUILDS } from "../targets/cores.js";
import type { Target } from "../targets/target.js";
import type { Budget } from "./budget.js";
import { costTable, type KernelCost } from "./cost.js";
import { MCU_FOOTPRINT, RUNTIME_FOOTPRINT, SLOT_JOURNAL_BYTES } from "./footprint.js";
import { overBudget } from "./over.js";
import type { LayerProfile, ProfileReport } from "./report.js";
import { tensorBytes, type Work, workOf } from "./work.js";
import { longestCycles, withInterrupts } from "./worst-case.js";

export type { LayerProfile, ProfileReport } from "./report.js";

export interface ProfileOptions {
  readonly budget?: Budget;
  /** Parameters in one slot: an update can't be undone. */
  readonly singleSlot?: boolean;
  /** As the model will be compiled. */
  readonly compile?: Pick<CompileOptions, "optimize" | "contract">;
}

/** Duty cycle where the budget names none. */
const DEFAULT_INFERENCES_PER_S = 1;

interface Memory {
  readonly work: readonly Work[];
  readonly ramParts: Readonly<Record<string, number>>;
  readonly flashParts: Readonly<Record<string, number>>;
  readonly live: (index: number) => number;
  readonly paramBytes: (index: number) => number;
  readonly basis: string;
  readonly plan?: Plan;
}

/** What a model will cost on a target, before any board is on the desk. Throws as compileGraph does. */
export function profileGraph(graph: Graph, target: Target, options: ProfileOptions = {}): ProfileReport {
  const isCompiled = CORE_BUILDS[target.core] !== undefined;
  const memory = isCompiled ? compiledMemory(graph, target, options) : runtimeMemory(graph, options);
  const table = costTable(target.core);
  const activeW = target.activePowerW?.value;
  const latencyOf = (cycles: number): number => (cycles / target.clockHz.value) * 1e6;
  const layers = memory.work.map((work, index): LayerProfile => {
    const { perMac, perOutput }: KernelCost = table.classes[work.kernelClass];
    const cycles = perMac * work.macs + perOutput * work.outputElements;
    const latencyUs = latencyOf(cycles);
    return {
      name: work.operator,
      kind: work.kind,
      macs: work.macs,
      bytesMoved: work.bytesMoved,
      latencyUs,
      worstCaseLatencyUs: latencyOf(
        table.mix === undefined
          ? cycles
          : longestCycles(cycles, table.mix[work.kernelClass], target.flash?.value),
      ),
      energyUj: latencyUs * (activeW ?? 0),
      liveBytes: memory.live(index),
      paramBytes: memory.paramBytes(index),
    };
  });
  const latencyUs = sum(layers.map((layer) => layer.latencyUs));
  const worstCaseLatencyUs = withInterrupts(
    sum(layers.map((layer) => layer.worstCaseLatencyUs)),
    options.budget ?? {},
  );
  const inferencesPerS = options.budget?.inferencesPerS ?? DEFAULT_INFERENCES_PER_S;
  const energyUj = activeW === undefined ? null : latencyUs * activeW;
  const averagePowerUw = averagePower(target, latencyUs, inferencesPerS);
  const batteryJ = options.budget?.batteryJ ?? target.batteryJ?.value;
  const core: Omit<ProfileReport, "fits" | "over"> = {
    model: graph.name,
    target: target.id,
    latencyUs,
    worstCaseLatencyUs,
    energyUj,
    averagePowerUw,
    batteryDays:
      averagePowerUw === null || batteryJ === undefined ? null : batteryJ / (averagePowerUw * 1e-6) / 86_400,
    inferencesPerS,
    ramBytes: sum(Object.values(memory.ramParts)),
    ramParts: memory.ramParts,
    flashBytes: sum(Object.values(memory.flashParts)),
    flashParts: memory.flashParts,
    macs: sum(layers.map((layer) => layer.macs)),
    layers,
    basis: [
      `Cycles per layer: ${table.source}.`,
      `Clock: ${target.clockHz.source}.`,
      ...worstCaseBasis(target, table.mix !== undefined, options.budget ?? {}),
      activeW === undefined
        ? "Energy: not stated, because the target's sheet has no power."
        : `Energy: time x ${(activeW * 1e3).toPrecision(3)} mW (${target.activePowerW!.source}).`,
      memory.basis,
    ],
    ...(memory.plan === undefined ? {} : { plan: memory.plan }),
  };
  const over = overBudget(core, target, options.budget ?? {});
  return { ...core, fits: over.length === 0, over };
}

/** The generated code has one path: no branch of a hot loop depends on data. So its longest time is this path's. */
function worstCaseBasis(
  target: Target,
  isCounted: boolean,
  { interruptShare, interruptUs }: Budget,
): string[] {
  const path = !isCounted
    ? "Worst case of a layer: its estimate, because a runtime's code runs, which was not counted; take your own measurements."
    : target.flash === undefined
      ? "Worst case of a layer: the longest time of each instruction on its only path, as from memory without wait states, because the sheet states none for the flash."
      : `Worst case of a layer: the longest time of each instruction on its only path, and ${target.flash.value.waitStates} wait states for every ${target.flash.value.lineBytes} B of code, every branch and every word of parameters, as if no cache or prefetch helped (${target.flash.source}).`;
  const interrupts =
    interruptShare === undefined && interruptUs === undefined
      ? "Interrupts: none declared; `interrupts` in the budget adds yours to the worst case."
      : `Interrupts: ${interruptShare === undefined ? "" : `${(100 * interruptShare).toPrecision(3)} % of the processor throughout`}${interruptShare !== undefined && interruptUs !== undefined ? " and " : ""}${interruptUs === undefined ? "" : `${interruptUs} us once per inference`}, as the budget declares, added to the worst case of the whole.`;
  return [path, interrupts];
}

function averagePower(target: Target, latencyUs: number, inferencesPerS: number): number | null {
  if (target.activePowerW === undefined || target.sleepPowerW === undefined) return null;
  const busy = Math.min(1, latencyUs * 1e-6 * inferencesPerS);
  return (busy * target.activePowerW.value + (1 - busy) * target.sleepPowerW.value) * 1e6;
}

function compiledMemory(
  graph: Graph,
  target: Target,
  { singleSlot = false, compile = {} }: ProfileOptions,
): Memory {
  const { plan, steps, params, files, identifier } = compileGraph(graph, target, compile);
  const placed = [...plan.placed.values()];
  const positionOf = new Map(plan.order.map((step, at) => [step, at]));
  const codeBytes =
    MCU_FOOTPRINT.codeBytesPerSourceByte * files.get(`${identifier}.c`)!.length +
    MCU_FOOTPRINT.codeBytesPerAssemblyByte * (files.get(`${identifier}_kernels.S`)?.length ?? 0);
  return {
    work: steps,
    plan,
    ramParts: { arena: plan.arenaBytes, stack: MCU_FOOTPRINT.stackBytes, state: MCU_FOOTPRINT.stateBytes },
    flashParts: {
      code: Math.round(codeBytes),
      parameters: params.length,
      ...(singleSlot ? {} : { secondSlot: params.length }),
      journal: SLOT_JOURNAL_BYTES,
    },
    live(index) {
      const at = positionOf.get(index)!;
      return sum(placed.filter(({ first, last }) => first <= at && at <= last).map(({ bytes }) => bytes));
    },
    paramBytes: (index) => steps[index]!.paramBytes,
    basis: `Memory: arena from the plan (${plan.isProvedOptimal ? "proved optimal" : "best found"}), parameters as written; ${MCU_FOOTPRINT.source}.`,
  };
}

function runtimeMemory(graph: Graph, { singleSlot = false }: ProfileOptions): Memory {
  const constants = [...graph.tensors.values()].filter(({ data }) => data !== undefined);
  const modelBytes = sum(constants.map(({ name }) => tensorBytes(graph, name)));
  const activations = [...graph.tensors.values()].filter(({ data }) => data === undefined);
  const isConstant = new Set(constants.map(({ name }) => name));
  return {
    work: workOf(graph),
    ramParts: {
      runtime: RUNTIME_FOOTPRINT.ramBytes,
      model: modelBytes,
      activations: sum(activations.map(({ name }) => tensorBytes(graph, name))),
    },
    flashParts: {
      runtime: RUNTIME_FOOTPRINT.flashBytes,
      parameters: modelBytes,
      ...(singleSlot ? {} : { secondSlot: modelBytes }),
      journal: SLOT_JOURNAL_BYTES,
    },
    live: () => 0,
    paramBytes: (index) =>
      sum(
        graph.operators[index]!.inputs.filter((name) => isConstant.has(name)).map((name) =>
          tensorBytes(graph, name),
        ),
      ),
    basis: `Memory: ${RUNTIME_FOOTPRINT.source}, with all activations of the model.`,
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}
