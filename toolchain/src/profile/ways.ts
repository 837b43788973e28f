import type { CompileOptions } from "../emit/compile.js";
import type { Graph } from "../graph/graph.js";
import { CORE_BUILDS } from "../targets/cores.js";
import type { Target } from "../targets/target.js";
import { type ProfileOptions, profileGraph } from "./profile.js";
import type { Over, ProfileReport } from "./report.js";

/** One change that was tried, or one that only training can try. */
export interface Way {
  /** What to write: an option of `mote profile` and `mote compile`, a line of the budget, or a command. */
  readonly change: string;
  readonly price: string;
  /** Profiled with the change: it holds every limit. False where it is an estimate. */
  readonly isProved: boolean;
}

interface Candidate extends Omit<Way, "isProved"> {
  readonly helps: readonly Over["limit"][];
  readonly options: Partial<ProfileOptions>;
}

const SIZE: Candidate = {
  change: "--optimize size",
  price: "somewhat slower",
  helps: ["ram", "flash"],
  options: { compile: { optimize: "size" } },
};
const SPEED: Candidate = {
  change: "--optimize speed",
  price: "more code",
  helps: ["latency", "energy", "averagePower"],
  options: { compile: { optimize: "speed" } },
};
const SINGLE_SLOT: Candidate = {
  change: "--single-slot",
  price: "a bad update can't be undone on the device",
  helps: ["flash"],
  options: { singleSlot: true },
};
const FIXED: Candidate = {
  change: "--fixed",
  price: "a new model is new firmware",
  helps: ["ram", "flash", "latency", "energy", "averagePower"],
  options: { compile: { contract: "fixed" } },
};

/** Cheapest first: what costs nothing on the device, then what costs abilities; pairs after single changes. */
const CANDIDATES: readonly Candidate[] = [
  SPEED,
  SIZE,
  SINGLE_SLOT,
  together(SIZE, SINGLE_SLOT),
  FIXED,
  together(SIZE, FIXED),
  together(FIXED, SINGLE_SLOT),
  together(together(SIZE, FIXED), SINGLE_SLOT),
];

function together(a: Candidate, b: Candidate): Candidate {
  const compile: CompileOptions = { ...a.options.compile, ...b.options.compile };
  return {
    change: `${a.change} ${b.change}`,
    price: `${a.price}; ${b.price}`,
    helps: [...a.helps, ...b.helps],
    options: { ...a.options, ...b.options, compile },
  };
}

/**
 * The cheapest way under the budget that a report breaks: options that were tried and hold every limit, or else how much
 * slower the duty cycle or smaller the model has to be. Empty where the report fits.
 */
export function waysUnder(
  graph: Graph,
  target: Target,
  options: ProfileOptions,
  report: ProfileReport,
): Way[] {
  if (report.fits) return [];
  const proved = provedOption(graph, target, options, report);
  if (proved !== undefined) return [proved];
  return [slowerDutyCycle(target, options, report) ?? smallerModel(report)];
}

function provedOption(
  graph: Graph,
  target: Target,
  options: ProfileOptions,
  report: ProfileReport,
): Way | undefined {
  if (CORE_BUILDS[target.core] === undefined) return undefined;
  const limits = report.over.map(({ limit }) => limit);
  for (const { change, price, helps, options: changed } of CANDIDATES) {
    if (!limits.every((limit) => helps.includes(limit))) continue;
    const tried = profileGraph(graph, target, {
      ...options,
      ...changed,
      compile: { ...options.compile, ...changed.compile },
    });
    if (tried.fits) return { change, price, isProved: true };
  }
  return undefined;
}

/** Inferences a day that the average power allows, where nothing else is over. */
function slowerDutyCycle(target: Target, { budget }: ProfileOptions, report: ProfileReport): Way | undefined {
  const [over, ...others] = report.over;
  if (over?.limit !== "averagePower" || others.length > 0) return undefined;
  const sleepUw = target.sleepPowerW!.value * 1e6;
  const activeUw = target.activePowerW!.value * 1e6;
  const perDay = ((over.allowed - sleepUw) / (activeUw - sleepUw) / (report.latencyUs * 1e-6)) * 86_400;
  if (perDay < 1) return undefined;
  return {
    change: `dutyCycle: ${Math.floor(perDay)} / day`,
    price: `instead of ${((budget?.inferencesPerS ?? 1) * 86_400).toFixed(0)} / day`,
    isProved: true,
  };
}

/** No option does it: the share of the work, or of the bytes, that has to go. */
function smallerModel({ over }: ProfileReport): Way {
  const worst = over.reduce((a, b) => (b.needed / b.allowed > a.needed / a.allowed ? b : a));
  const share = 1 - worst.allowed / worst.needed;
  return {
    change: `about ${Math.ceil(100 * share)} % less for ${worst.limit}: \`mote optimize\` with this budget on the float model prunes until it fits`,
    price: "accuracy, which it measures",
    isProved: false,
  };
}
