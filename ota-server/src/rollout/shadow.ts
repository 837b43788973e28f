import { DEFAULT_SHADOW_SHARE, type Manifest, type RolloutPlan } from "@mote/protocol";
import { PreconditionError } from "../errors.js";

/** A shadow rollout: the release runs beside the one that serves, and only reports. */
export function isShadowPlan({ strategy }: Pick<RolloutPlan, "strategy">): boolean {
  return strategy === "shadow";
}

export function shadowShareOf({ shadowShare }: RolloutPlan): number {
  return shadowShare ?? DEFAULT_SHADOW_SHARE;
}

/** Classes that have a variant or an image of the release. */
export function takers({ variants, images = [] }: Manifest): string[] {
  return [...new Set([...variants, ...images].flatMap((one) => one.hardware))];
}

/**
 * Classes whose devices can keep it beside another model, to run it or to wait for the switch: a microcontroller runs what it
 * has, and an image is no model.
 */
export function secondSlotHardware({ variants }: Manifest): string[] {
  const able = variants.filter(({ runtime }) => runtime !== "mote-c");
  return [...new Set(able.flatMap(({ hardware }) => hardware))];
}

/** Throws PreconditionError for what has a meaning in a shadow rollout alone, or none there. */
export function checkShadow(plan: RolloutPlan): void {
  if (isShadowPlan(plan)) return;
  const asksAgreement = plan.gates.telemetry.some(({ metric }) => metric === "agreement");
  if (!asksAgreement && plan.shadowShare === undefined) return;
  throw new PreconditionError({
    expected: 'the strategy "shadow" for an "agreement" gate or a shadowShare',
    got: `the strategy "${plan.strategy ?? "staged"}"`,
    todo: "Only a release that runs beside another one can agree with it: leave them out, or run a shadow rollout.",
  });
}
