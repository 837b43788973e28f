import { readFile } from "node:fs/promises";
import {
  checkSchema,
  DEFAULT_GATES,
  type DeviceQuery,
  type MaintenanceWindow,
  type OnFailure,
  RolloutPlan,
  SHADOW_GATES,
  type Wave,
  WEEKDAYS,
  whatCame,
} from "@mote/protocol";
import { type EditedFile, parseEdited } from "@mote/protocol/node";
import type { Command } from "commander";
import { UsageError } from "../../errors.js";
import { parseDurationS } from "./duration.js";
import { HEALTH_HELP, parseHealth } from "./health.js";

export interface PlanOptions {
  readonly product?: string;
  readonly release?: string;
  readonly plan?: string;
  readonly wave?: readonly string[];
  readonly hardware?: readonly string[];
  readonly tag?: readonly string[];
  readonly running?: readonly string[];
  readonly agentVersion?: readonly string[];
  readonly health?: readonly string[];
  readonly onFailure?: string;
  readonly approvals?: string;
  readonly falseStopRate?: string;
  readonly perHour?: string;
  readonly concurrent?: string;
  readonly window?: readonly string[];
  readonly minBattery?: string;
  readonly comment?: string;
  readonly strategy?: string;
  readonly shadowShare?: string;
  readonly switchApprovals?: string;
  readonly switchSoak?: string;
}

/** The flags of which a plan can be made; a file of the whole plan is one of them. */
export function addPlanOptions(command: Command): Command {
  return command
    .option("-p, --product <name>", "product of the release")
    .option("-r, --release <version>", "version to roll out")
    .option("--plan <file>", "the whole plan as YAML or JSON; options win over it")
    .option(
      "--wave <wave...>",
      "NAME:DEVICES or NAME:SHARE% with an optional soak, in order, cumulative (default canary:5%:1h early:25%:1h everybody:100%; of an A/B test B:50%:7d)",
    )
    .option("--hardware <class...>", "only these hardware classes")
    .option("--tag <name=value...>", "only devices with all these tags")
    .option(
      "--running <version...>",
      'only devices that run one of these releases; "none" for those without any',
    )
    .option("--agent-version <version...>", "only devices whose agent or firmware says one of these")
    .option("--health <name=value...>", `only by ${HEALTH_HELP}`)
    .option("--on-failure <what>", "hold, rollback-wave or rollback-fleet (default hold)")
    .option(
      "--strategy <name>",
      "staged or canary; shadow: run beside the serving release and only report; blue-green: fill the spare slots, then switch all at once; a-b: give it to a part, compare with the rest for a set time",
    )
    .option("--shadow-share <share>", "of a shadow: inferences that a device makes twice (default 0.1)")
    .option("--switch-approvals <n>", "blue-green: people who must approve the switch (default 0: by itself)")
    .option("--switch-soak <duration>", "blue-green: time to watch after the switch (default 1h)")
    .option("--approvals <n>", "people who must approve before the first wave")
    .option(
      "--false-stop-rate <p>",
      "chance that a release no worse than the old one is stopped (default 0.05)",
    )
    .option(
      "--window <from-to...>",
      "only then, in the device's own time: 22:00-05:00 or sat,sun:08:00-18:00",
    )
    .option("--min-battery <percent>", "only above it, or while charging")
    .option("--concurrent <n>", "devices that may be at it at the same time")
    .option("--per-hour <n>", "devices that may be told within any hour")
    .option("--comment <text>");
}

const DEFAULT_WAVES: readonly Wave[] = [
  { name: "canary", share: 0.05, soakS: 3600 },
  { name: "early", share: 0.25, soakS: 3600 },
  { name: "everybody", share: 1, soakS: 0 },
];

/** Of an A/B test: a week holds every weekday. */
const AB_WAVES: readonly Wave[] = [{ name: "B", share: 0.5, soakS: 7 * 86_400 }];

/**
 * A plan from a YAML or JSON file, from options, or from both (options win).
 *
 * @throws UsageError for an option that can't be read, SchemaError for a plan that breaks its schema.
 */
export async function readPlan(options: PlanOptions): Promise<RolloutPlan> {
  const file = options.plan === undefined ? null : await readPlanFile(options.plan);
  const {
    query,
    gates,
    limits,
    preconditions,
    switch: atSwitch,
    ...rest
  } = asMapping(file?.value, options.plan ?? "the plan");
  const strategy = options.strategy ?? rest["strategy"];
  const defaultGates = strategy === "shadow" ? { ...DEFAULT_GATES, telemetry: SHADOW_GATES } : DEFAULT_GATES;
  const plan = {
    waves: strategy === "a-b" ? AB_WAVES : DEFAULT_WAVES,
    onFailure: "hold" satisfies OnFailure,
    approvals: 0,
    ...rest,
    preconditions: {
      ...asMapping(preconditions, "preconditions"),
      ...(options.minBattery === undefined ? {} : { minBatteryPercent: Number(options.minBattery) }),
      ...(options.window === undefined ? {} : { windows: options.window.map(parseWindow) }),
    },
    ...limitsOf(options, limits),
    ...switchOf(options, atSwitch),
    query: { ...asMapping(query, "query") },
    gates: { ...defaultGates, ...asMapping(gates, "gates") },
    ...(strategy === undefined ? {} : { strategy }),
    ...(options.shadowShare === undefined ? {} : { shadowShare: Number(options.shadowShare) }),
    ...(options.product === undefined ? {} : { product: options.product }),
    ...(options.release === undefined ? {} : { version: options.release }),
    ...(options.wave === undefined ? {} : { waves: options.wave.map(parseWave) }),
    ...(options.onFailure === undefined ? {} : { onFailure: options.onFailure }),
    ...(options.approvals === undefined ? {} : { approvals: Number(options.approvals) }),
    ...(options.comment === undefined ? {} : { comment: options.comment }),
  };
  plan.query = { ...plan.query, ...queryOf(options) };
  if (options.falseStopRate !== undefined) plan.gates.falseStopRate = Number(options.falseStopRate);
  return checkSchema(RolloutPlan, plan, "the rollout plan", file?.place);
}

function queryOf({ hardware, tag, running, agentVersion, health }: PlanOptions): DeviceQuery {
  return {
    ...(hardware === undefined ? {} : { hardware: [...hardware] }),
    ...(tag === undefined ? {} : { tags: Object.fromEntries(tag.map(parseTag)) }),
    ...(running === undefined ? {} : { running: [...running] }),
    ...(agentVersion === undefined ? {} : { agentVersions: [...agentVersion] }),
    ...(health === undefined ? {} : { health: parseHealth(health) }),
  };
}

function limitsOf(options: PlanOptions, file: unknown): { limits?: unknown } {
  const limits = {
    ...asMapping(file, "limits"),
    ...(options.perHour === undefined ? {} : { installsPerHour: Number(options.perHour) }),
    ...(options.concurrent === undefined ? {} : { concurrent: Number(options.concurrent) }),
  };
  return Object.keys(limits).length === 0 ? {} : { limits };
}

function switchOf({ switchApprovals, switchSoak }: PlanOptions, file: unknown): { switch?: unknown } {
  const atSwitch = {
    ...asMapping(file, "switch"),
    ...(switchApprovals === undefined ? {} : { approvals: Number(switchApprovals) }),
    ...(switchSoak === undefined ? {} : { soakS: parseDurationS(switchSoak) }),
  };
  return Object.keys(atSwitch).length === 0 ? {} : { switch: atSwitch };
}

/** `22:00-05:00`, or `mon,sat:22:00-05:00` for some days only. */
export function parseWindow(text: string): MaintenanceWindow {
  const match = /^(?:([a-z,]+):)?(\d{2}:\d{2})-(\d{2}:\d{2})$/.exec(text.trim().toLowerCase());
  const [, names, from = "", to = ""] = match ?? [];
  const days = names?.split(",").map((name) => WEEKDAYS.find((day) => day === name));
  if (match !== null && !days?.includes(undefined)) {
    const known = days?.filter((day) => day !== undefined);
    return { ...(known === undefined ? {} : { days: known }), from, to };
  }
  throw new UsageError({
    expected: "a window as HH:MM-HH:MM, or with days as mon,tue:HH:MM-HH:MM",
    got: JSON.stringify(text),
    todo: "For example --window 22:00-05:00, in the device's own time.",
  });
}

/** `canary:5` (devices), `canary:5%` (share), each with an optional soak time: `canary:5%:30m`. */
export function parseWave(text: string): Wave {
  const match = /^([^:]{1,64}):(\d+(?:\.\d+)?)(%?)(?::(\d+(?:\.\d+)?[smhd]?))?$/.exec(text);
  if (match === null) {
    throw new UsageError({
      expected: "a wave as NAME:DEVICES or NAME:SHARE%, with an optional soak time",
      got: JSON.stringify(text),
      todo: "For example --wave canary:5%:30m --wave everybody:100%.",
    });
  }
  const [, name = "", size = "", percent, soak = "0"] = match;
  const soakS = parseDurationS(soak);
  return percent === "%" ? { name, share: Number(size) / 100, soakS } : { name, count: Number(size), soakS };
}

export function parseTag(text: string): [string, string] {
  const at = text.indexOf("=");
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw new UsageError({ expected: "--tag name=value", got: text, todo: "For example --tag site=north." });
}

async function readPlanFile(file: string): Promise<EditedFile> {
  try {
    return parseEdited(await readFile(file, "utf8"));
  } catch (cause) {
    throw new UsageError({
      expected: `a rollout plan in ${file}`,
      got: whatCame(cause),
      todo: "Write it as YAML or JSON; `mote rollout create --help` shows an example.",
      cause,
    });
  }
}

function asMapping(value: unknown, what: string): Record<string, unknown> {
  if (value === undefined) return {};
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  const got = value === null ? "nothing" : Array.isArray(value) ? "a list" : JSON.stringify(value);
  throw new UsageError({
    expected: `fields with their values in ${what}`,
    got,
    todo: "`mote rollout create --help` shows an example.",
  });
}
