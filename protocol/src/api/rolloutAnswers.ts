import { type Static, Type } from "@sinclair/typebox";
import { Name } from "../bundle/manifest.js";
import { ConsumerWarning } from "./catalog.js";
import { RolloutDeviceState } from "./deviceViews.js";
import { ApprovalScope, RolloutPlan, RolloutView } from "./rollout.js";

/** What operators ask of rollouts, and the answers. */

const strict = { additionalProperties: false } as const;
const TimeMs = Type.Integer({ minimum: 0, description: "milliseconds since 1970, server's clock" });

export const ROLLOUT_ACTIONS = ["approve", "pause", "resume", "abort", "break-glass"] as const;
export type RolloutAction = (typeof ROLLOUT_ACTIONS)[number];

/**
 * `rollback` (with abort): devices that took the release go back to what they ran before. `scope` (with approve): "wave"
 * unless it says "rollout". Break-glass wants a comment of some words: it is what the audit will be read for.
 */
export const RolloutActionRequest = Type.Object(
  {
    comment: Type.Optional(Type.String({ maxLength: 512 })),
    rollback: Type.Optional(Type.Boolean()),
    scope: Type.Optional(ApprovalScope),
  },
  strict,
);
export type RolloutActionRequest = Static<typeof RolloutActionRequest>;

export const RolloutListQuery = Type.Object(
  {
    product: Type.Optional(Name),
    /** Under way (or waiting for somebody), or over. */
    active: Type.Optional(Type.Boolean()),
    /** Id to start after (the `next` of the answer before). */
    after: Type.Optional(Type.String({ maxLength: 64 })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200 })),
  },
  strict,
);
export type RolloutListQuery = Static<typeof RolloutListQuery>;

export const RolloutsAnswer = Type.Object(
  { rollouts: Type.Array(RolloutView), next: Type.Union([Type.String(), Type.Null()]) },
  strict,
);
export type RolloutsAnswer = Static<typeof RolloutsAnswer>;

export const RolloutDevicesQuery = Type.Object(
  {
    state: Type.Optional(RolloutDeviceState),
    /** Device id to start after. */
    after: Type.Optional(Name),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500 })),
  },
  strict,
);
export type RolloutDevicesQuery = Static<typeof RolloutDevicesQuery>;

/** Devices that have heard of a rollout, in the order of their ids. */
export const RolloutDevicesAnswer = Type.Object(
  {
    devices: Type.Array(
      Type.Object(
        {
          deviceId: Name,
          wave: Type.String(),
          state: RolloutDeviceState,
          code: Type.Union([Type.String(), Type.Null()]),
          detail: Type.Union([Type.String(), Type.Null()]),
          attempts: Type.Integer({ minimum: 0 }),
          offeredAtMs: TimeMs,
          settledAtMs: Type.Union([TimeMs, Type.Null()]),
          retryAtMs: Type.Union([TimeMs, Type.Null()]),
        },
        strict,
      ),
    ),
    next: Type.Union([Name, Type.Null()]),
  },
  strict,
);
export type RolloutDevicesAnswer = Static<typeof RolloutDevicesAnswer>;

export const DryRunAnswer = Type.Object(
  {
    plan: RolloutPlan,
    /** Devices that match the query and are not revoked. */
    eligible: Type.Integer({ minimum: 0 }),
    waves: Type.Array(
      Type.Object(
        {
          name: Type.String(),
          devices: Type.Integer({ minimum: 0 }),
          control: Type.Integer({ minimum: 0 }),
          /** Up to 20 members. */
          sample: Type.Array(Name),
        },
        strict,
      ),
    ),
    /** Devices that match but would get nothing, by reason. */
    excluded: Type.Array(Type.Object({ reason: Type.String(), devices: Type.Integer() }, strict)),
    /** Eligible devices that would have to wait now, by what the server knows of them; one device may be in several. */
    waits: Type.Array(
      Type.Object(
        {
          reason: Type.String(),
          devices: Type.Integer({ minimum: 1 }),
          /** When the first of them need not wait any more, where that can be told (windows). */
          untilMs: Type.Union([TimeMs, Type.Null()]),
        },
        strict,
      ),
    ),
    /**
     * Devices out of which `waits` was counted. Fewer than `eligible` where the fleet is large: then `waits` is scaled up
     * from a uniform sample of some 5,000.
     */
    sampled: Type.Integer({ minimum: 0 }),
    /** Declared consumers of outputs that change for some of these devices. */
    consumers: Type.Array(ConsumerWarning),
    warnings: Type.Array(Type.String()),
  },
  strict,
);
export type DryRunAnswer = Static<typeof DryRunAnswer>;
