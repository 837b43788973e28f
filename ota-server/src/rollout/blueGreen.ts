import { DEFAULT_SWITCH_SOAK_S, type RolloutPlan, type Wave } from "@mote/protocol";
import { PreconditionError } from "../errors.js";

/**
 * A blue-green rollout: its waves bring the release, proved, into the spare slots, where nothing of it runs; the switch,
 * one more wave, tells all of them to serve by it at once.
 */
export function isBlueGreenPlan({ strategy }: Pick<RolloutPlan, "strategy">): boolean {
  return strategy === "blue-green";
}

export const SWITCH_NAME = "switch";

type Waves = Pick<RolloutPlan, "waves" | "strategy" | "switch">;

/** The plan's waves, and of a blue-green rollout the switch after them. */
export function wavesOf(plan: Waves): readonly Wave[] {
  if (!isBlueGreenPlan(plan)) return plan.waves;
  const { approvals = 0, soakS = DEFAULT_SWITCH_SOAK_S } = plan.switch ?? {};
  const { share, count } = plan.waves.at(-1)!;
  const size = { ...(share === undefined ? {} : { share }), ...(count === undefined ? {} : { count }) };
  return [...plan.waves, { name: SWITCH_NAME, ...size, approvals, soakS }];
}

/** Waves that gates judge by telemetry: those in which somebody's answers come from the release. */
export function judgedWaves(plan: Waves): number {
  return isBlueGreenPlan(plan) ? 1 : plan.waves.length;
}

/** Does this wave of the plan only bring the release to the spare slots? */
export function isStagingWave(plan: Waves, wave: number): boolean {
  return isBlueGreenPlan(plan) && wave < plan.waves.length;
}

/** Has the word to switch been given? From then on it stays given, whatever becomes of the rollout. */
export function isSwitched({
  plan,
  waves,
}: {
  readonly plan: Waves;
  readonly waves: readonly { readonly openedAtMs: number | null }[];
}): boolean {
  return isBlueGreenPlan(plan) && (waves[plan.waves.length]?.openedAtMs ?? null) !== null;
}

/** Throws PreconditionError for what has a meaning in a blue-green rollout alone, or none there. */
export function checkSwitch(plan: RolloutPlan): void {
  if (!isBlueGreenPlan(plan)) {
    if (plan.switch === undefined) return;
    throw new PreconditionError({
      expected: 'the strategy "blue-green" for a switch',
      got: `the strategy "${plan.strategy ?? "staged"}"`,
      todo: "Only a release that waits in the spare slots can be switched to: leave it out.",
    });
  }
  if (plan.waves.every(({ name }) => name !== SWITCH_NAME)) return;
  throw new PreconditionError({
    expected: `waves by other names than "${SWITCH_NAME}"`,
    got: `a wave "${SWITCH_NAME}"`,
    todo: "The switch follows the last wave by itself; what it waits for stands in the plan's own `switch`.",
  });
}
