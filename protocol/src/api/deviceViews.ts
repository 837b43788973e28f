import { type Static, Type } from "@sinclair/typebox";
import { Name, Sha256Hex, Version } from "../bundle/manifest.js";
import { UpdateReport } from "../update/report.js";
import { ReportedConditions } from "./device.js";
import { HealthQuery, RunningVersion } from "./rollout.js";

/** What operators ask and see of devices. */

const strict = { additionalProperties: false } as const;
const TimeMs = Type.Integer({ minimum: 0, description: "milliseconds since 1970, server's clock" });
const Tags = Type.Record(Name, Type.String({ maxLength: 128 }), { maxProperties: 32 });

export const DeviceListQuery = Type.Object(
  {
    product: Type.Optional(Name),
    hardware: Type.Optional(Name),
    /** `name=value` */
    tag: Type.Optional(Type.String({ maxLength: 192 })),
    sequence: Type.Optional(Type.Integer({ minimum: 0 })),
    /** Version of the release that it runs, or "none"; versions are those of `product`. */
    running: Type.Optional(RunningVersion),
    agentVersion: Type.Optional(Type.String({ maxLength: 32 })),
    ...HealthQuery.properties,
    /** Beginning of the id. */
    prefix: Type.Optional(Name),
    revoked: Type.Optional(Type.Boolean()),
    /** Device id to start after (the `next` of the answer before). */
    after: Type.Optional(Name),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
  },
  strict,
);
export type DeviceListQuery = Static<typeof DeviceListQuery>;

export const DeviceView = Type.Object(
  {
    id: Name,
    product: Name,
    hardware: Name,
    tags: Tags,
    online: Type.Boolean(),
    revoked: Type.Boolean(),
    enrolledAtMs: TimeMs,
    lastSeenMs: Type.Union([TimeMs, Type.Null()]),
    runningSequence: Type.Integer({ minimum: 0 }),
    /** Null before the first update and for a release that the server doesn't know. */
    runningVersion: Type.Union([Version, Type.Null()]),
    artifactSha256: Type.Union([Sha256Hex, Type.Null()]),
    floor: Type.Integer({ minimum: 0 }),
    /** The last update that it told the outcome of failed or was reverted. */
    lastUpdateFailed: Type.Boolean(),
    /** Errors per inference, averaged over its last hour or so of windows; null before any. */
    errorRate: Type.Union([Type.Number(), Type.Null()]),
    agentVersion: Type.String(),
    batteryPercent: Type.Union([Type.Integer(), Type.Null()]),
    freeBytes: Type.Union([Type.Integer(), Type.Null()]),
    /** What else it said of itself when it last polled; null from agents that don't tell. */
    conditions: Type.Union([ReportedConditions, Type.Null()]),
    /** It can run a second model beside the one that serves (shadow rollouts); null until it has said. */
    canShadow: Type.Union([Type.Boolean(), Type.Null()]),
    /** It can keep a release in its spare slot until the switch (blue-green rollouts); null until it has said. */
    canHold: Type.Union([Type.Boolean(), Type.Null()]),
  },
  strict,
);
export type DeviceView = Static<typeof DeviceView>;

export const DevicesAnswer = Type.Object(
  {
    devices: Type.Array(DeviceView),
    next: Type.Union([Name, Type.Null()]),
    /** All that match, whatever the page. */
    total: Type.Integer({ minimum: 0 }),
  },
  strict,
);
export type DevicesAnswer = Static<typeof DevicesAnswer>;

export const ROLLOUT_DEVICE_STATES = [
  /** Was told of the release; has not confirmed yet. */
  "offered",
  /** Holds the release, proved, in its spare slot until the switch. */
  "staged",
  "confirmed",
  "failed",
  /** Was told to go back. */
  "returning",
  "returned",
] as const;
export const RolloutDeviceState = Type.Union(ROLLOUT_DEVICE_STATES.map((state) => Type.Literal(state)));
export type RolloutDeviceState = Static<typeof RolloutDeviceState>;

/** One rollout's way with a device. */
export const DeviceRollout = Type.Object(
  {
    rolloutId: Type.String(),
    version: Version,
    rolloutState: Type.String(),
    wave: Type.String(),
    /** What it ran before; null for nothing, or for a release that the server doesn't know. */
    previousVersion: Type.Union([Version, Type.Null()]),
    state: RolloutDeviceState,
    code: Type.Union([Type.String(), Type.Null()]),
    detail: Type.Union([Type.String(), Type.Null()]),
    attempts: Type.Integer({ minimum: 0 }),
    offeredAtMs: TimeMs,
    settledAtMs: Type.Union([TimeMs, Type.Null()]),
    retryAtMs: Type.Union([TimeMs, Type.Null()]),
    downloadedBytes: Type.Integer({ minimum: 0 }),
    codec: Type.Union([Type.String(), Type.Null()]),
  },
  strict,
);
export type DeviceRollout = Static<typeof DeviceRollout>;

/** What a device measured over one stretch of time; older stretches are longer. */
export const TrendPoint = Type.Object(
  {
    atMs: TimeMs,
    releaseSequence: Type.Integer({ minimum: 0 }),
    windows: Type.Integer({ minimum: 0 }),
    inferences: Type.Integer({ minimum: 0 }),
    errorRate: Type.Union([Type.Number(), Type.Null()]),
    abstainedRate: Type.Union([Type.Number(), Type.Null()]),
    meanConfidence: Type.Union([Type.Number(), Type.Null()]),
    probeAccuracy: Type.Union([Type.Number(), Type.Null()]),
    meanLatencyUs: Type.Union([Type.Number(), Type.Null()]),
    /** Microjoule per inference. */
    energyUj: Type.Union([Type.Number(), Type.Null()]),
  },
  strict,
);
export type TrendPoint = Static<typeof TrendPoint>;

/** What is meant for a device now, and what stands between; null when it is to be left as it is. */
export const DeviceNext = Type.Object(
  {
    rolloutId: Type.String(),
    kind: Type.Union([Type.Literal("update"), Type.Literal("rollback"), Type.Literal("shadow")]),
    version: Type.Union([Version, Type.Null()]),
    /** Conditions that don't hold, by what the server knows (names of Preconditions). */
    unmet: Type.Array(Type.String()),
  },
  strict,
);

/** A device's life story: its newest reports (newest first), its rollouts (newest first) and telemetry. */
export const DeviceDetail = Type.Object(
  {
    device: DeviceView,
    next: Type.Union([DeviceNext, Type.Null()]),
    /** Of the releases that are told of by their sequence here, as far as the server knows them. */
    versions: Type.Array(Type.Object({ sequence: Type.Integer({ minimum: 1 }), version: Version }, strict)),
    rollouts: Type.Array(DeviceRollout),
    /** The newest stretches, oldest first. */
    trend: Type.Array(TrendPoint),
    reports: Type.Array(Type.Object({ receivedAtMs: TimeMs, report: UpdateReport }, strict)),
    telemetry: Type.Array(
      Type.Object(
        {
          releaseSequence: Type.Integer({ minimum: 0 }),
          /** True of what the release did in the shadow of the one that served. */
          inShadow: Type.Boolean(),
          /** Share of the shadow's inferences that named the class which the serving release named. */
          agreement: Type.Union([Type.Number(), Type.Null()]),
          windows: Type.Integer({ minimum: 0 }),
          inferences: Type.Integer({ minimum: 0 }),
          errors: Type.Integer({ minimum: 0 }),
          meanConfidence: Type.Union([Type.Number(), Type.Null()]),
          probeAccuracy: Type.Union([Type.Number(), Type.Null()]),
          meanLatencyUs: Type.Union([Type.Number(), Type.Null()]),
        },
        strict,
      ),
    ),
  },
  strict,
);
export type DeviceDetail = Static<typeof DeviceDetail>;
