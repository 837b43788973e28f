import type { Gates, RolloutPlan } from "@mote/protocol";
import { type Conditions, conditionsOf, preconditionsOf, WHEN_IDLE } from "./conditions.js";
import { AS_IT_COMES, type Speed, speedOf, speedSaid } from "./speed.js";
import { EVERYBODY, numberOf, percentText, queryOf, type Whom, whomOf } from "./whom.js";

/** What the form holds, and the plan that it says. Pure. Text fields stay text: half-typed is not wrong yet. */

export interface WaveDraft {
  readonly key: number;
  readonly name: string;
  readonly size: string;
  readonly unit: "devices" | "percent";
  readonly watchMinutes: string;
  readonly approvals: string;
}

/** A canary is a staged rollout whose first wave is small. */
export type FormStrategy = "staged" | "shadow" | "blue-green" | "a-b";

/** What the form starts from, and keeps where it has no fields. */
export type FormGates = Readonly<Record<FormStrategy, Gates>>;

export interface Draft extends Whom, Conditions, Speed {
  /** "product version" */
  readonly release: string;
  readonly strategy: FormStrategy;
  readonly shadowPercent: string;
  readonly switchApprovals: string;
  readonly switchWatchMinutes: string;
  readonly waves: readonly WaveDraft[];
  readonly onFailure: RolloutPlan["onFailure"];
  readonly margins: Readonly<Record<string, string>>;
  readonly maxFailurePercent: string;
  readonly falseStopPercent: string;
  readonly deadlineHours: string;
  readonly minConfirmedPercent: string;
  readonly timeoutMinutes: string;
  readonly comment: string;
}

let keys = 0;
const wave = (name: string, size: string, unit: WaveDraft["unit"], watchMinutes: string): WaveDraft => ({
  key: keys++,
  name,
  size,
  unit,
  watchMinutes,
  approvals: "0",
});

/** Ways to go about it, for who has none of their own. @param fleet devices of the product. */
export const PRESETS: readonly { readonly name: string; readonly waves: (fleet: number) => WaveDraft[] }[] = [
  {
    name: "Careful",
    waves: (fleet) => {
      const early = wave("early", "25", "percent", "60");
      // Sizes count all devices up to there: an early wave no larger than the canary would reach nobody.
      const between = 0.25 * fleet >= 1.5 * canarySize(fleet) ? [early] : [];
      return [canary(fleet), ...between, wave("everybody", "100", "percent", "0")];
    },
  },
  {
    name: "Canary, then all",
    waves: (fleet) => [canary(fleet), wave("everybody", "100", "percent", "0")],
  },
  { name: "All at once", waves: () => [wave("everybody", "100", "percent", "0")] },
];

/** Enough for a verdict where the fleet has them, never more than half of it, and few in a large one. */
function canarySize(fleet: number): number {
  return Math.max(1, Math.min(50, Math.max(8, Math.ceil(fleet / 10)), Math.floor(fleet / 2)));
}

const canary = (fleet: number) => wave("canary", String(canarySize(fleet)), "devices", "60");

/** Of an A/B test: half of the fleet, for a week. */
const partB = () => wave("B", "50", "percent", String(7 * 24 * 60));

/** What else changes in the form with the strategy. */
export function withStrategy(
  draft: Draft,
  strategy: FormStrategy,
  gates: FormGates,
  fleet: number,
): Partial<Draft> {
  const margins = marginsOf(gates[strategy]);
  if ((strategy === "a-b") === (draft.strategy === "a-b")) return { strategy, margins };
  return { strategy, margins, waves: strategy === "a-b" ? [partB()] : PRESETS[0]!.waves(fleet) };
}

export function addWave(waves: readonly WaveDraft[]): WaveDraft[] {
  return [...waves.slice(0, -1), wave(`wave ${waves.length}`, "25", "percent", "60"), ...waves.slice(-1)];
}

/** @param fleet devices of the product. */
export function emptyDraft(gates: FormGates, fleet: number): Draft {
  return {
    ...EVERYBODY,
    ...WHEN_IDLE,
    ...AS_IT_COMES,
    release: "",
    strategy: "staged",
    shadowPercent: "10",
    switchApprovals: "0",
    switchWatchMinutes: "60",
    waves: PRESETS[0]!.waves(fleet),
    onFailure: "rollback-fleet",
    ...gateFields(gates.staged),
    comment: "",
  };
}

export function marginsOf({ telemetry }: Gates): Draft["margins"] {
  return Object.fromEntries(telemetry.map(({ metric, margin }) => [metric, percentText(margin)]));
}

function gateFields(gates: Gates) {
  return {
    margins: marginsOf(gates),
    maxFailurePercent: percentText(gates.maxFailureShare),
    falseStopPercent: percentText(gates.falseStopRate),
    deadlineHours: String(gates.deadlineS / 3600),
    minConfirmedPercent: percentText(gates.minConfirmedShare),
    timeoutMinutes: String(gates.installTimeoutS / 60),
  };
}

/** What an earlier plan says, to be staged anew; `beyondForm` names what is lost. */
export function draftOf(plan: RolloutPlan, gates: FormGates): Draft {
  const strategy = strategyOf(plan);
  const empty = emptyDraft(gates, 0);
  const notJudged = Object.fromEntries(gates[strategy].telemetry.map(({ metric }) => [metric, ""]));
  return {
    ...empty,
    ...gateFields(plan.gates),
    margins: { ...notJudged, ...marginsOf(plan.gates) },
    ...whomOf(plan.query),
    ...conditionsOf(plan.preconditions),
    ...speedOf(plan),
    release: `${plan.product} ${plan.version}`,
    strategy,
    ...switchFields(plan),
    shadowPercent: plan.shadowShare === undefined ? empty.shadowPercent : percentText(plan.shadowShare),
    waves: plan.waves.map(({ name, share, count, soakS, approvals }, i) => ({
      ...wave(
        name,
        count === undefined ? percentText(share ?? 1) : String(count),
        count === undefined ? "percent" : "devices",
        String(soakS / 60),
      ),
      approvals: String(approvals ?? (i === 0 ? plan.approvals : 0)),
    })),
    onFailure: plan.onFailure,
    comment: plan.comment ?? "",
  };
}

/** As the server reads what is left out. */
function switchFields({ switch: { approvals = 0, soakS = 3600 } = {} }: RolloutPlan) {
  return { switchApprovals: String(approvals), switchWatchMinutes: String(soakS / 60) };
}

function strategyOf({ strategy }: RolloutPlan): FormStrategy {
  return strategy === undefined || strategy === "canary" ? "staged" : strategy;
}

/** Parts of an earlier plan that would be lost, because the form has no field for something in them. */
export function beyondForm(plan: RolloutPlan, gates: FormGates): string[] {
  const asForm: Record<string, unknown> = { ...planOf(draftOf(plan, gates), gates, plan.salt ?? "") };
  const [first, ...others] = plan.waves;
  const needed = first?.approvals ?? plan.approvals;
  // The form writes approvals with their wave.
  const { approvals: _, ...bare } = first!;
  const waves = [needed > 0 ? { ...bare, approvals: needed } : bare, ...others];
  const strategy = plan.strategy === "canary" ? "staged" : (plan.strategy ?? "staged");
  const atSwitch = strategy === "blue-green" ? { switch: switchOf(switchFields(plan)) } : {};
  const asPlan: Record<string, unknown> = {
    ...plan,
    ...atSwitch,
    strategy,
    approvals: 0,
    waves,
    salt: plan.salt ?? "",
  };
  const names = new Set([...Object.keys(asForm), ...Object.keys(asPlan)]);
  return [...names].filter((name) => sorted(asForm[name]) !== sorted(asPlan[name]));
}

function sorted(value: unknown): string | undefined {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/** @param defaults what the form has no fields for. */
export function planOf(draft: Draft, defaults: FormGates, salt: string): RolloutPlan {
  const [product = "", version = ""] = draft.release.split(" ");
  const gates = defaults[draft.strategy];
  return {
    product,
    version,
    strategy: draft.strategy,
    ...(draft.strategy === "shadow" ? { shadowShare: Number(draft.shadowPercent) / 100 } : {}),
    ...(draft.strategy === "blue-green" ? { switch: switchOf(draft) } : {}),
    query: queryOf(draft),
    waves: draft.waves.map(({ name, size, unit, watchMinutes, approvals }) => ({
      name: name.trim(),
      ...(unit === "percent" ? { share: Number(size) / 100 } : { count: Number(size) }),
      soakS: 60 * Number(watchMinutes),
      ...(Number(approvals) > 0 ? { approvals: Number(approvals) } : {}),
    })),
    gates: {
      ...gates,
      maxFailureShare: Number(draft.maxFailurePercent) / 100,
      falseStopRate: Number(draft.falseStopPercent) / 100,
      deadlineS: 3600 * Number(draft.deadlineHours),
      minConfirmedShare: Number(draft.minConfirmedPercent) / 100,
      installTimeoutS: 60 * Number(draft.timeoutMinutes),
      telemetry: gates.telemetry.flatMap(({ metric }) => {
        const margin = numberOf(draft.margins[metric] ?? "");
        return margin === undefined || margin <= 0 ? [] : [{ metric, margin: margin / 100 }];
      }),
    },
    onFailure: draft.onFailure,
    preconditions: preconditionsOf(draft),
    approvals: 0,
    ...speedSaid(draft),
    salt,
    ...(draft.comment.trim() === "" ? {} : { comment: draft.comment.trim() }),
  };
}

function switchOf({
  switchApprovals,
  switchWatchMinutes,
}: Pick<Draft, "switchApprovals" | "switchWatchMinutes">): NonNullable<RolloutPlan["switch"]> {
  return { approvals: Number(switchApprovals), soakS: 60 * Number(switchWatchMinutes) };
}
