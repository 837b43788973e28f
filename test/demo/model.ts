import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Journal, kib, percent } from "./journal.js";
import { commandLine, runJson } from "./processes.js";

/** The engineer's half of the story: a float model becomes int8 files that fit three budgets. */

const TOOLCHAIN = fileURLToPath(new URL("../../../toolchain/", import.meta.url));
export const MODELS = join(TOOLCHAIN, "models/digits");
const BUDGETS = join(TOOLCHAIN, "budgets");

/** The three kinds of device that the demo's cameras are built on, each with its budget file. */
const TARGETS = [
  { target: "nrf52840", budget: "mcu.yaml" },
  { target: "pixel-6a", budget: "phone.yaml" },
  { target: "raspberry-pi-4", budget: "gateway.yaml" },
] as const;

export interface Data {
  readonly train: string;
  readonly calibration: string;
  readonly test: string;
  readonly testDegraded: string;
  /** What the cameras see: clean and smudged digits, with their truth for the labelled probes. */
  readonly sensor: string;
  /** Digits that neither training nor test saw, half of them smudged: what an update is calibrated on. */
  readonly field: string;
  /** One digit as int8 codes. */
  readonly codes: string;
}

export interface Evaluation {
  readonly samples: number;
  readonly accuracy: number;
}

interface InspectDocument {
  macs: number;
  parameters: number;
  operators: Record<string, number>;
}
interface PruneDocument {
  accuracyBefore: number;
  accuracyAfter: number;
  bytesBefore: number;
  bytesAfter: number;
  macsBefore: number;
  macsAfter: number;
}
interface QuantizeDocument {
  accuracyBefore: number;
  accuracyAfter: number;
  bytesBefore: number;
  bytesAfter: number;
}
interface ProfileDocument {
  target: string;
  latencyUs: number;
  energyUj: number;
  ramBytes: number;
  flashBytes: number;
  batteryDays: number | null;
  fits: boolean;
  over: unknown[];
}
interface CompileDocument {
  architectureHash: string;
  codeBytes: number;
  paramBytes: number;
  arenaBytes: number;
  instructions?: number | null;
  outputs?: { name: string; sha256: string }[];
}

/** Runs `mote …`, showing the command as a person would type it. */
export async function mote<T>(
  journal: Journal,
  args: readonly string[],
  allowed: readonly number[] = [0],
): Promise<{ document: T; exitCode: number; stderr: string }> {
  journal.command(commandLine("mote", args.map(shorten)));
  return runJson<T>("mote", args, allowed);
}

/** Paths are shown by their last part: the folder is named once, at the start. */
function shorten(arg: string): string {
  return arg.includes("://") ? arg : arg.replace(/\/[^\s,=]*\//g, "");
}

export async function evaluate(journal: Journal, model: string, data: string): Promise<Evaluation> {
  return (await mote<Evaluation>(journal, ["evaluate", model, "--data", data])).document;
}

export async function prune(journal: Journal, model: string, data: Data, out: string): Promise<void> {
  const { document: before } = await mote<InspectDocument>(journal, ["inspect", model]);
  journal.say(`${before.parameters} parameters, ${before.macs} multiply-accumulates per digit`);
  const { document } = await mote<PruneDocument>(journal, [
    "prune",
    model,
    "--data",
    data.train,
    "-o",
    out,
    "--sparsity",
    "0.5",
    "--structure",
    "channel",
    "--epochs",
    "2",
  ]);
  journal.check(
    "pruned by channel, a smaller dense network",
    `${percent(document.macsAfter / document.macsBefore, 0)} of the multiply-accumulates, ${kib(document.bytesBefore)} -> ${kib(document.bytesAfter)}`,
    document.macsAfter < document.macsBefore && document.bytesAfter < document.bytesBefore,
  );
}

export interface QuantizeChoice {
  /** Calibration samples; the command's default where absent. */
  readonly samples?: number;
  /** Calibration data; the clean digits where absent. */
  readonly calibration?: string;
  /** The model that the fleet holds: rounding that costs no accuracy goes towards it. */
  readonly previous?: string;
}

export async function quantize(
  journal: Journal,
  model: string,
  data: Data,
  out: string,
  { samples, calibration, previous }: QuantizeChoice = {},
): Promise<QuantizeDocument> {
  const args = ["quantize", model, "--data", calibration ?? data.calibration, "-o", out];
  if (samples !== undefined) args.push("--samples", String(samples));
  if (previous !== undefined) args.push("--previous", previous);
  return (await mote<QuantizeDocument>(journal, args)).document;
}

/** The limits that are broken, without the advice that follows each. */
function firstSentences(stderr: string): string {
  const limits = stderr.match(
    /(flash|ram|latency|energy|averagePower): [^;.]+(\.\d+[^;.]*)*; most of it at "[^"]+"/g,
  );
  return limits === null ? stderr.trim() : limits.join("; ");
}

/** Before pruning: the budget file says no, and which layer is to blame. */
export async function profileTooLarge(journal: Journal, model: string): Promise<void> {
  const { target, budget } = TARGETS[0];
  const { exitCode, stderr } = await mote<ProfileDocument>(
    journal,
    ["profile", model, "--target", target, "--budget", join(BUDGETS, budget)],
    [0, 3],
  );
  journal.check(
    `the unpruned model breaks the budget of ${target}, and the layer is named`,
    firstSentences(stderr),
    exitCode === 3,
  );
}

export async function profileAll(journal: Journal, model: string, out: string): Promise<void> {
  for (const { target, budget } of TARGETS) {
    const { document } = await mote<ProfileDocument>(
      journal,
      [
        "profile",
        model,
        "--target",
        target,
        "--budget",
        join(BUDGETS, budget),
        "--html",
        join(out, `profile-${target}.html`),
      ],
      [0, 3],
    );
    journal.check(
      `fits the budget of ${document.target}`,
      `${(document.latencyUs / 1000).toFixed(2)} ms, ${document.energyUj.toFixed(1)} uJ, RAM ${kib(document.ramBytes)}, flash ${kib(document.flashBytes)}`,
      document.fits,
    );
  }
}

const TOOLS: Record<string, readonly string[]> = {
  host: ["cc"],
  "cortex-m4f": ["arm-none-eabi-gcc", "qemu-system-arm"],
};

/** Programs of the list that are not on the PATH. */
function missing(tools: readonly string[]): string[] {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return tools.filter((tool) => !folders.some((folder) => existsSync(join(folder, tool))));
}

/** Compiles to C and, where the tools are, builds and runs it: `mote compile --run` compares every output byte. */
export async function compile(
  journal: Journal,
  model: string,
  target: string,
  out: string,
  data: Data,
): Promise<CompileDocument> {
  const args = ["compile", model, "--target", target, "-o", out];
  const absent = missing(TOOLS[target] ?? []);
  if (absent.length > 0) {
    const { document } = await mote<CompileDocument>(journal, args);
    journal.say(`the C was written, not run: this machine has no ${absent.join(" and no ")}`);
    return document;
  }
  const { document } = await mote<CompileDocument>(journal, [...args, "--run", "--input", data.codes]);
  const instructions =
    document.instructions === undefined || document.instructions === null
      ? ""
      : `, ${document.instructions} instructions a digit`;
  journal.check(
    `C for ${target}: every output byte is the executor's`,
    `code ${kib(document.codeBytes)}, parameters ${kib(document.paramBytes)}, arena ${kib(document.arenaBytes)}${instructions}`,
    (document.outputs?.length ?? 0) > 0,
  );
  return document;
}
