import type { Finding, GateEvidence, GateLook, Metric, RolloutPlan } from "@mote/protocol";
import { PreconditionError } from "../errors.js";
import { differenceText, marginText } from "./gates/telemetryGate.js";

/**
 * An A/B test: a part of the fleet gets the release (B), the rest keeps what it runs (A), and both are measured side by
 * side for a set time. It ends with a finding for each metric and changes nothing more by itself.
 */
export function isAbPlan({ strategy }: Pick<RolloutPlan, "strategy">): boolean {
  return strategy === "a-b";
}

/** Throws PreconditionError for an A/B test that could find nothing. */
export function checkAbTest(plan: RolloutPlan): void {
  if (!isAbPlan(plan)) return;
  const [wave, ...others] = plan.waves;
  if (others.length > 0 || wave!.share === 1) {
    throw new PreconditionError({
      expected: "one wave that leaves devices without the release to compare with",
      got: others.length > 0 ? `${plan.waves.length} waves` : `"${wave!.name}" with all devices`,
      todo: "Give it the part of the fleet that is to run B, such as share 0.5; `mote rollout promote` brings it to the rest.",
    });
  }
  if (plan.gates.telemetry.length > 0) return;
  throw new PreconditionError({
    expected: "at least one metric to compare A and B by",
    got: "no telemetry gates",
    todo: "Name them in gates.telemetry, such as { metric: confidence, margin: 0.05 }.",
  });
}

/**
 * What all looks together say. Their intervals hold at once, with the error budget's chance, so their common part does.
 *
 * @param margin differences below it don't matter.
 */
export function findingOf(trail: readonly GateLook[], margin: number): Finding {
  const { low, high } = commonPart(trail);
  if (high < 0) return "better";
  if (low > 0) return "worse";
  return low > -margin && high < margin ? "equal" : "undecided";
}

function commonPart(trail: readonly GateLook[]): { low: number; high: number } {
  const low = Math.max(...trail.map((look) => look.low ?? Number.NEGATIVE_INFINITY));
  const high = Math.min(...trail.map((look) => look.high ?? Number.POSITIVE_INFINITY));
  if (low <= high) return { low, high };
  // The rare case that the budget allows for: looks that exclude each other. The last one has seen most.
  const last = trail.at(-1)!;
  return { low: last.low ?? Number.NEGATIVE_INFINITY, high: last.high ?? Number.POSITIVE_INFINITY };
}

const NAMES: Record<Finding, string> = {
  better: "B is better",
  worse: "B is worse",
  equal: "no difference that matters",
  undecided: "undecided so far",
};

/** A telemetry gate of an A/B test says what was found, not only whether to stop. */
export function withFinding(gate: GateEvidence): GateEvidence {
  const { trail = [], margin, difference, verdict } = gate;
  if (trail.length === 0 || margin === null || difference === null) return gate;
  const finding = findingOf(trail, margin);
  // Why it was stopped stays what it says.
  if (verdict === "stop") return { ...gate, finding };
  const metric = gate.gate as Metric;
  const { low, high } = commonPart(trail);
  const end = (value: number) => (Number.isFinite(value) ? marginText(metric, value) : "an open end");
  const text = `${NAMES[finding]}: ${differenceText(metric, difference)} against A; worsening between ${end(low)} and ${end(high)}, margin ${marginText(metric, margin)}`;
  return { ...gate, finding, text };
}

/** In one line, for the end. */
export function findingsText(gates: readonly GateEvidence[]): string {
  const said = ({ gate, verdict, finding }: GateEvidence) => {
    if (verdict === "not-applicable") return `${gate}: nothing to compare`;
    return `${gate}: ${NAMES[finding ?? "undecided"].replace(" so far", "")}`;
  };
  return gates
    .filter(({ margin }) => margin !== null)
    .map(said)
    .join("; ");
}
