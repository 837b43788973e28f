import type { RolloutPlan, RolloutView } from "@mote/protocol";
import { UsageError } from "../../errors.js";

/**
 * The staged rollout that brings to all devices what a shadow or an A/B test has tried; the server says which.
 *
 * @throws UsageError for a rollout that has tried nothing, or not to its end
 */
export function promotionOf({
  id,
  state,
  plan: { strategy = "staged" },
  promotion,
}: Pick<RolloutView, "id" | "state" | "plan" | "promotion">): RolloutPlan {
  if (promotion !== null) return promotion;
  throw new UsageError({
    expected: "a shadow rollout or an A/B test that is completed",
    got: `${id}, a ${strategy} one that is ${state}`,
    todo: "Wait for its end, or stage the release with `mote rollout create`.",
  });
}
