import type { RolloutPlan } from "@mote/protocol";
import type { DeviceRecord } from "../store/devices.js";
import { isBlueGreenPlan } from "./blueGreen.js";
import { isShadowPlan } from "./shadow.js";

/** What a strategy asks of a device's agent beyond taking an update. */
export interface Ability {
  /** Where the device says whether it can. */
  readonly name: "canShadow" | "canHold";
  readonly text: string;
}

const SHADOW: Ability = { name: "canShadow", text: "run two models side by side" };
const HOLD: Ability = { name: "canHold", text: "hold a release until the switch" };

/** Null for strategies that every agent can follow. */
export function abilityFor(plan: Pick<RolloutPlan, "strategy">): Ability | null {
  if (isShadowPlan(plan)) return SHADOW;
  return isBlueGreenPlan(plan) ? HOLD : null;
}

/** Can the device follow the plan, as far as it has said? Who has not said yet counts as if it could. */
export function mayBeAble(
  plan: Pick<RolloutPlan, "strategy">,
  device: Pick<DeviceRecord, Ability["name"]>,
): boolean {
  const ability = abilityFor(plan);
  return ability === null || device[ability.name] !== false;
}
