import type { RolloutPlan } from "@mote/protocol";
import { isAbPlan } from "./abTest.js";
import { isShadowPlan } from "./shadow.js";
import type { RolloutState } from "./state.js";

/**
 * The staged rollout that brings what was tried to all: after a shadow over the same waves, with a control group now, so
 * agreement goes (there is no second model any more to agree with); after an A/B test to the rest, which is no sample any
 * more. Null for a rollout that has tried nothing, or not to its end.
 */
export function promotionOf({
  plan,
  name,
  salt,
}: Pick<RolloutState, "plan" | "name" | "salt">): RolloutPlan | null {
  if (name !== "completed") return null;
  // By the same draw: whoever had it first has it first again.
  const { shadowShare: _, ...rest } = { ...plan, salt, strategy: "staged" as const };
  if (isAbPlan(plan)) return { ...rest, waves: [{ name: "everybody", share: 1, soakS: 0 }] };
  if (!isShadowPlan(plan)) return null;
  const telemetry = plan.gates.telemetry.filter(({ metric }) => metric !== "agreement");
  return { ...rest, gates: { ...plan.gates, telemetry } };
}
