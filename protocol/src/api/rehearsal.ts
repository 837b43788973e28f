import { type Static, Type } from "@sinclair/typebox";
import { Name } from "../bundle/manifest.js";
import { ReportedConditions } from "./device.js";
import { DeviceView } from "./deviceViews.js";
import { RolloutPlan } from "./rollout.js";

/**
 * What the programs of a rehearsal must agree on: `mote rollout rehearse` writes the fleet and its synthetic models,
 * `mote-agent rehearse` lives them. No real device and no real model ever reads these.
 */

const strict = { additionalProperties: false } as const;
const Share = Type.Number({ minimum: 0, maximum: 1 });

/** Stands in a bundle where a model would: how a release behaves, as JSON. */
export const SyntheticModel = Type.Object(
  {
    schema: Type.Literal("mote.synthetic-model/1"),
    sequence: Type.Integer({ minimum: 1 }),
    classes: Type.Integer({ minimum: 2, maximum: 1024 }),
    /** Mean top-1 confidence. */
    confidence: Share,
    accuracy: Share,
    /** Share of inferences that fail. */
    errorRate: Share,
    /** Median, microseconds. */
    latencyUs: Type.Number({ exclusiveMinimum: 0 }),
  },
  strict,
);
export type SyntheticModel = Static<typeof SyntheticModel>;

/** A sample is `[class, difficulty]`; this one asks for the answer that every device must give alike. */
export const SYNTHETIC_GOLDEN: readonly number[] = [0, -1];

/** A synthetic model's output: `confidence` for the top class, the rest shared by the others. */
export function syntheticAnswer(classes: number, top: number, confidence: number): Float32Array {
  // The top class must stay the top one.
  const share = Math.min(0.999, Math.max(1.1 / classes, confidence));
  const output = new Float32Array(classes).fill((1 - share) / (classes - 1));
  output[top] = share;
  return output;
}

export const FAULTS = ["install", "errors", "link", "vanish"] as const;
export const Fault = Type.Union([
  /** The release does not pass its golden vectors on the device. */
  Type.Literal("install"),
  /** Half of the release's inferences fail: the device takes it back on probation. */
  Type.Literal("errors"),
  /** The first transfers of an update break off. */
  Type.Literal("link"),
  /** It goes silent in the midst of its download and never comes back. */
  Type.Literal("vanish"),
]);
export type Fault = Static<typeof Fault>;

export const RehearsedDevice = Type.Object(
  {
    id: Name,
    /** One-time enrolment token. */
    token: Type.String({ minLength: 16, maxLength: 128 }),
    hardware: Name,
    tags: Type.Record(Name, Type.String({ maxLength: 128 })),
    batteryPercent: Type.Union([Type.Number(), Type.Null()]),
    freeBytes: Type.Union([Type.Number(), Type.Null()]),
    conditions: Type.Union([ReportedConditions, Type.Null()]),
    fault: Type.Union([Fault, Type.Null()]),
  },
  strict,
);
export type RehearsedDevice = Static<typeof RehearsedDevice>;

export const RehearsedFleet = Type.Object(
  {
    schema: Type.Literal("mote.rehearsed-fleet/1"),
    /** Seconds of the fleet's life that pass in one second. */
    speed: Type.Number({ minimum: 1 }),
    /** Telemetry window of the fleet, in its own seconds. */
    windowS: Type.Number({ exclusiveMinimum: 0 }),
    /** Release that faults befall. */
    candidateSequence: Type.Integer({ minimum: 1 }),
    /** The same seed makes the same devices. */
    seed: Type.Integer({ minimum: 0 }),
    devices: Type.Array(RehearsedDevice, { minItems: 1, maxItems: 2000 }),
  },
  strict,
);
export type RehearsedFleet = Static<typeof RehearsedFleet>;

/** Devices of one rehearsal at most: each is a whole agent with a connection of its own. */
export const MAX_REHEARSED = 2000;

export const RolloutSampleRequest = Type.Object(
  { plan: RolloutPlan, limit: Type.Integer({ minimum: 1, maximum: MAX_REHEARSED }) },
  strict,
);
export type RolloutSampleRequest = Static<typeof RolloutSampleRequest>;

/** Eligible devices as they are now, drawn by the plan's salt: what a rehearsal models its fleet on. */
export const RolloutSampleAnswer = Type.Object(
  { eligible: Type.Integer({ minimum: 0 }), devices: Type.Array(DeviceView) },
  strict,
);
export type RolloutSampleAnswer = Static<typeof RolloutSampleAnswer>;
