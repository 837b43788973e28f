import type { RolloutPlan, RolloutView } from "@mote/protocol";
import { UsageError } from "../../errors.js";

/**
 * The staged rollout that follows a shadow: the same release, devices and waves. Its gates compare with a control group
 * now, so agreement goes: there is no second model any more to agree with.
 *
 * @throws UsageError for a rollout that is no completed shadow
 */
export function promotionOf({ id, state, plan }: Pick<RolloutView, "id" | "state" | "plan">): RolloutPlan {
  const { strategy = "staged", shadowShare: _, ...rest } = plan;
  if (strategy !== "shadow" || state !== "completed") {
    throw new UsageError({
      expected: "a shadow rollout that is completed",
      got: `${id}, a ${strategy} one that is ${state}`,
      todo: "Wait for its gates, or stage the release with `mote rollout create`.",
    });
  }
  const telemetry = plan.gates.telemetry.filter(({ metric }) => metric !== "agreement");
  return { ...rest, strategy: "staged", gates: { ...plan.gates, telemetry } };
}
