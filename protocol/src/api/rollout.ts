import { type Static, Type } from "@sinclair/typebox";
import { Name, Version } from "../bundle/manifest.js";
import { Preconditions } from "../update/preconditions.js";

/** What an operator plans and what they see of it while it moves. */

const strict = { additionalProperties: false } as const;
/** Ten years. What a plan says beyond is a typing error, and ends where no calendar reaches. */
const LONGEST_S = 315_360_000;
const TimeMs = Type.Integer({ minimum: 0, description: "milliseconds since 1970, server's clock" });

/** How a device is doing, by what the server knows. All that are given must hold; what is unknown speaks for the device. */
const health = {
  /** Connected over MQTT now. */
  online: Type.Optional(Type.Boolean()),
  /** Polled, reported or connected within so many seconds. */
  seenWithinS: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: LONGEST_S })),
  /** The last update that it told the outcome of failed or was reverted. */
  lastUpdateFailed: Type.Optional(Type.Boolean()),
  /** Runs a release below the signed floor that it has seen itself. */
  belowFloor: Type.Optional(Type.Boolean()),
  /** Errors per inference, averaged over its last hour or so of windows, are at most this. */
  maxErrorRate: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
};
export const HEALTH_NAMES = Object.keys(health) as (keyof typeof health)[];
export const HealthQuery = Type.Object(health, strict);
export type HealthQuery = Static<typeof HealthQuery>;

/** A version, or "none" for devices that have no release yet. */
export const RunningVersion = Type.Union([Type.Literal("none"), Version]);
export type RunningVersion = Static<typeof RunningVersion>;

/**
 * All conditions must hold; an absent one holds for every device of the product. `hardware`, `tags` and `deviceIds` say
 * what a device is and hold all the time. `running`, `agentVersions` and `health` say how it is: they are asked until the
 * rollout has offered it the release, so a rollout's own progress never puts a device out of it.
 */
export const DeviceQuery = Type.Object(
  {
    hardware: Type.Optional(Type.Array(Name, { minItems: 1, maxItems: 64 })),
    /** A region, a site, a line, a customer: whatever the operator has written onto the devices. */
    tags: Type.Optional(Type.Record(Name, Type.String({ maxLength: 128 }), { maxProperties: 32 })),
    deviceIds: Type.Optional(Type.Array(Name, { minItems: 1, maxItems: 10_000 })),
    /** Versions of the product's releases that the device runs one of. */
    running: Type.Optional(Type.Array(RunningVersion, { minItems: 1, maxItems: 64 })),
    /** Versions of the program that holds the model: an agent's, or a microcontroller's firmware's. */
    agentVersions: Type.Optional(Type.Array(Type.String({ maxLength: 32 }), { minItems: 1, maxItems: 64 })),
    health: Type.Optional(HealthQuery),
  },
  strict,
);
export type DeviceQuery = Static<typeof DeviceQuery>;

/** Exactly one of `share` and `count`. Both are cumulative: the last wave of a full rollout has share 1. */
export const Wave = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 64 }),
    share: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1 })),
    count: Type.Optional(Type.Integer({ minimum: 1 })),
    /** Least time from the moment when the wave's installs are settled to its verdict. */
    soakS: Type.Number({ minimum: 0, maximum: LONGEST_S }),
    /** Over the rollout's own: an entry here wins. For its devices, whenever they come. */
    preconditions: Type.Optional(Preconditions),
    /** Distinct people who must approve before this wave opens; left out: the rollout's `approvals` for the first, none for others. */
    approvals: Type.Optional(Type.Integer({ minimum: 0, maximum: 16 })),
  },
  strict,
);
export type Wave = Static<typeof Wave>;

export const METRICS = ["confidence", "accuracy", "errorRate", "latency", "agreement"] as const;
export const Metric = Type.Union(METRICS.map((metric) => Type.Literal(metric)));
export type Metric = Static<typeof Metric>;

/**
 * Is the wave worse than its control group by more than `margin`? Judged on each device's change from its own baseline.
 * Units of the margin: confidence, accuracy and errorRate in absolute share (0.05 = 5 points); latency relative to the
 * baseline (0.5 = half as slow again). In a shadow rollout each device compares itself: the release in its shadow with the
 * one that serves, at the same time. "agreement" is for those alone; its margin is the share of inferences in which the two
 * may name different classes (0.05 = 19 of 20 agree).
 */
export const TelemetryGate = Type.Object(
  { metric: Metric, margin: Type.Number({ exclusiveMinimum: 0, maximum: 10 }) },
  strict,
);
export type TelemetryGate = Static<typeof TelemetryGate>;

export const Gates = Type.Object(
  {
    /** Share of the wave's devices that may fail or time out; more stops the wave. */
    maxFailureShare: Type.Number({ minimum: 0, maximum: 1 }),
    /** Share of the wave's devices that must have confirmed before the wave counts as settled. */
    minConfirmedShare: Type.Number({ minimum: 0, maximum: 1 }),
    /** From the offer to the device's confirmation; longer counts as a failure. */
    installTimeoutS: Type.Number({ exclusiveMinimum: 0, maximum: LONGEST_S }),
    telemetry: Type.Array(TelemetryGate, { maxItems: 8 }),
    /** Chance, over the whole rollout and all gates together, that a release no worse than the old one is stopped. */
    falseStopRate: Type.Number({ exclusiveMinimum: 0, maximum: 0.5 }),
    /** From the wave's opening: an undecided wave then asks a person. */
    deadlineS: Type.Number({ exclusiveMinimum: 0, maximum: LONGEST_S }),
  },
  strict,
);
export type Gates = Static<typeof Gates>;

export const DEFAULT_GATES: Gates = {
  maxFailureShare: 0.1,
  minConfirmedShare: 0.8,
  installTimeoutS: 3600,
  telemetry: [
    { metric: "confidence", margin: 0.05 },
    { metric: "accuracy", margin: 0.05 },
    { metric: "errorRate", margin: 0.01 },
    { metric: "latency", margin: 0.5 },
  ],
  falseStopRate: 0.05,
  deadlineS: 24 * 3600,
};

/** Of a shadow rollout. */
export const SHADOW_GATES: readonly TelemetryGate[] = [
  { metric: "agreement", margin: 0.05 },
  { metric: "accuracy", margin: 0.05 },
  { metric: "errorRate", margin: 0.01 },
  { metric: "latency", margin: 0.5 },
];

/** What happens by itself when a gate says "worse". */
export const OnFailure = Type.Union([
  Type.Literal("hold"),
  Type.Literal("rollback-wave"),
  Type.Literal("rollback-fleet"),
]);
export type OnFailure = Static<typeof OnFailure>;

/** What a rollout may ask of network and people at a time. */
export const Limits = Type.Object(
  {
    /** Devices that may be told of the release within any hour. */
    installsPerHour: Type.Optional(Type.Integer({ minimum: 1 })),
    /** Devices that may be at it at the same time; those that wait for their preconditions don't count. */
    concurrent: Type.Optional(Type.Integer({ minimum: 1 })),
    /** From the first wave's opening: a rollout that is not over by then tells nobody new and asks a person. */
    deadlineS: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: LONGEST_S })),
  },
  strict,
);
export type Limits = Static<typeof Limits>;

/** For failures that another try may not meet: a broken download, a full disk, a restart. */
export const Retries = Type.Object(
  {
    /** The first one included. */
    maxAttempts: Type.Integer({ minimum: 1, maximum: 20 }),
    /** Pause before the second attempt; each further one waits twice as long, six hours at most. */
    backoffS: Type.Number({ minimum: 0, maximum: LONGEST_S }),
  },
  strict,
);
export type Retries = Static<typeof Retries>;

export const DEFAULT_RETRIES: Retries = { maxAttempts: 3, backoffS: 60 };

export const DEFAULT_SHADOW_SHARE = 0.1;

/** Of a blue-green rollout: the moment in which all that is staged begins to serve. It is one more wave, the last one. */
export const Switch = Type.Object(
  {
    /** Distinct people who must approve the switch; left out or 0: it follows when the last wave is staged. */
    approvals: Type.Optional(Type.Integer({ minimum: 0, maximum: 16 })),
    /** Least time from the moment when enough have switched to the verdict. Left out: DEFAULT_SWITCH_SOAK_S. */
    soakS: Type.Optional(Type.Number({ minimum: 0, maximum: LONGEST_S })),
  },
  strict,
);
export type Switch = Static<typeof Switch>;

export const DEFAULT_SWITCH_SOAK_S = 3600;

export const STRATEGIES = ["staged", "canary", "blue-green", "shadow", "a-b"] as const;

export const RolloutPlan = Type.Object(
  {
    product: Name,
    version: Version,
    query: DeviceQuery,
    waves: Type.Array(Wave, { minItems: 1, maxItems: 32 }),
    gates: Gates,
    onFailure: OnFailure,
    preconditions: Preconditions,
    /** Distinct people who must approve before the first wave opens; 0 starts at once. */
    approvals: Type.Integer({ minimum: 0, maximum: 16 }),
    /** An approval counts for so long after it was given; left out: for ever. */
    approvalExpiresS: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: LONGEST_S })),
    limits: Type.Optional(Limits),
    /** Left out: DEFAULT_RETRIES. */
    retries: Type.Optional(Retries),
    /**
     * Left out: "staged". A canary is a staged rollout whose first wave is small. In a shadow rollout the release runs
     * beside the one that serves and only reports; its end leaves the release in the spare slot. In a blue-green rollout
     * the waves bring it to the spare slots, where nothing of it runs; then all devices switch at once, and the gates judge
     * the fleet against its own past. In an A/B test ("a-b") the one wave gets the release and the others keep what they
     * run; when both were measured for the wave's soak time it ends with a finding for each metric of the gates.
     */
    strategy: Type.Optional(Type.Union(STRATEGIES.map((strategy) => Type.Literal(strategy)))),
    /** Of a shadow rollout: share of its inferences that a device makes twice. Left out: DEFAULT_SHADOW_SHARE. */
    shadowShare: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1 })),
    /** Of a blue-green rollout. */
    switch: Type.Optional(Switch),
    /** Cohorts are drawn by a hash salted with this; absent: the rollout's id. */
    salt: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
    comment: Type.Optional(Type.String({ maxLength: 512 })),
  },
  strict,
);
export type RolloutPlan = Static<typeof RolloutPlan>;

export const ROLLOUT_STATES = [
  "awaiting-approval",
  "running",
  "paused",
  /** A gate failed under onFailure "hold", or a deadline passed undecided: a person must resume or abort. */
  "held",
  "rolling-back",
  "rolled-back",
  "completed",
  "aborted",
] as const;
export const RolloutStateName = Type.Union(ROLLOUT_STATES.map((state) => Type.Literal(state)));
export type RolloutStateName = Static<typeof RolloutStateName>;

export const Verdict = Type.Union([
  Type.Literal("advance"),
  Type.Literal("stop"),
  Type.Literal("undecided"),
  /** Nothing to compare with (first release on these devices, or no control group is left); said, never hidden. */
  Type.Literal("not-applicable"),
]);
export type Verdict = Static<typeof Verdict>;

/** One look of a telemetry gate; numbers in the gate's unit, positive is worse. */
export const GateLook = Type.Object(
  {
    atMs: TimeMs,
    verdict: Verdict,
    difference: Type.Number(),
    /** Differences that this look's test leaves possible; null where it can't bound that side. */
    low: Type.Union([Type.Number(), Type.Null()]),
    high: Type.Union([Type.Number(), Type.Null()]),
    waveDevices: Type.Integer({ minimum: 0 }),
    controlDevices: Type.Integer({ minimum: 0 }),
  },
  strict,
);
export type GateLook = Static<typeof GateLook>;

/**
 * What an A/B test says of a metric, with the certainty that the plan's falseStopRate asks for: the release is surely
 * better, surely worse, surely no further than the margin from what the others run, or none of these yet.
 */
export const Finding = Type.Union([
  Type.Literal("better"),
  Type.Literal("worse"),
  Type.Literal("equal"),
  Type.Literal("undecided"),
]);
export type Finding = Static<typeof Finding>;

export const GateEvidence = Type.Object(
  {
    /** "installs" or a Metric. */
    gate: Type.String(),
    verdict: Verdict,
    /** One sentence with the figures behind the verdict. */
    text: Type.String(),
    /** Mean change from own baseline, wave minus control, in the gate's unit; positive is worse. Null before data. */
    difference: Type.Union([Type.Number(), Type.Null()]),
    margin: Type.Union([Type.Number(), Type.Null()]),
    waveDevices: Type.Integer({ minimum: 0 }),
    controlDevices: Type.Integer({ minimum: 0 }),
    /** Chance of at least this difference if the release were no worse; and its sequential threshold at this look. */
    pWorse: Type.Union([Type.Number(), Type.Null()]),
    threshold: Type.Union([Type.Number(), Type.Null()]),
    looks: Type.Integer({ minimum: 0 }),
    /** Of an A/B test, from the first look on. */
    finding: Type.Optional(Finding),
    /** The looks so far, oldest first; missing before the first. */
    trail: Type.Optional(Type.Array(GateLook)),
  },
  strict,
);
export type GateEvidence = Static<typeof GateEvidence>;

export const WaveView = Type.Object(
  {
    name: Type.String(),
    state: Type.Union([
      Type.Literal("waiting"),
      Type.Literal("installing"),
      Type.Literal("soaking"),
      Type.Literal("passed"),
      Type.Literal("stopped"),
    ]),
    openedAtMs: Type.Union([TimeMs, Type.Null()]),
    /** It only brings the release to the spare slots (blue-green): it is settled when enough are staged. */
    isStaging: Type.Boolean(),
    /** Least time from `settledAtMs` to its verdict. */
    soakS: Type.Number({ minimum: 0 }),
    /** Members by now: devices of this wave and of the waves before it. */
    members: Type.Integer({ minimum: 0 }),
    offered: Type.Integer({ minimum: 0 }),
    /** Told, and at it: fetching, verifying, trying. */
    updating: Type.Integer({ minimum: 0 }),
    /** Told, and waiting for their preconditions. */
    waiting: Type.Integer({ minimum: 0 }),
    /** Of a blue-green rollout: hold the release, proved, and wait for the switch. */
    staged: Type.Integer({ minimum: 0 }),
    confirmed: Type.Integer({ minimum: 0 }),
    failed: Type.Integer({ minimum: 0 }),
    /** Of the failed: those that will be told again. */
    retrying: Type.Integer({ minimum: 0 }),
    /** When enough had confirmed; the soak time counts from here. */
    settledAtMs: Type.Union([TimeMs, Type.Null()]),
    /** When a person is asked if it is still undecided. */
    deadlineAtMs: Type.Union([TimeMs, Type.Null()]),
    control: Type.Integer({ minimum: 0 }),
    gates: Type.Array(GateEvidence),
  },
  strict,
);
export type WaveView = Static<typeof WaveView>;

/** "wave" counts for the wave that waited then, "rollout" for every later one too. */
export const ApprovalScope = Type.Union([Type.Literal("wave"), Type.Literal("rollout")]);
export type ApprovalScope = Static<typeof ApprovalScope>;

export const Approval = Type.Object(
  {
    by: Type.String(),
    atMs: TimeMs,
    comment: Type.String(),
    scope: ApprovalScope,
    /** Wave that waited when it was given. */
    wave: Type.Integer({ minimum: 0 }),
    expiresAtMs: Type.Union([TimeMs, Type.Null()]),
  },
  strict,
);
export type Approval = Static<typeof Approval>;

export const RolloutView = Type.Object(
  {
    id: Type.String(),
    plan: RolloutPlan,
    sequence: Type.Integer({ minimum: 1 }),
    state: RolloutStateName,
    /** Why it is in this state, for people. */
    reason: Type.String(),
    createdAtMs: TimeMs,
    updatedAtMs: TimeMs,
    currentWave: Type.Integer({ minimum: 0 }),
    waves: Type.Array(WaveView),
    approvals: Type.Array(Approval),
    /** How many more people must approve before it goes on; 0 when it waits for none. */
    approvalsMissing: Type.Integer({ minimum: 0 }),
    /** Who let this rollout past approvals, windows, preconditions and limits; null while nobody has. */
    breakGlass: Type.Union([
      Type.Object({ by: Type.String(), atMs: TimeMs, comment: Type.String() }, strict),
      Type.Null(),
    ]),
    /** Devices that were told and wait, by what they wait for (names of Preconditions, or the device's own words). */
    waiting: Type.Array(
      Type.Object({ reason: Type.String(), devices: Type.Integer({ minimum: 1 }) }, strict),
    ),
    /** Devices that are back on what they ran before, and devices that still have to go back. */
    rollback: Type.Object(
      { done: Type.Integer({ minimum: 0 }), pending: Type.Integer({ minimum: 0 }) },
      strict,
    ),
    history: Type.Array(Type.Object({ atMs: TimeMs, text: Type.String() }, strict)),
    /** Of a completed shadow or A/B test: the plan that brings its release to all devices. */
    promotion: Type.Union([RolloutPlan, Type.Null()]),
  },
  strict,
);
export type RolloutView = Static<typeof RolloutView>;
