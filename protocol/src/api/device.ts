import { type Static, Type } from "@sinclair/typebox";
import { ArtifactRef, Name, Sha256Hex, Version } from "../bundle/manifest.js";
import { LinkType, Preconditions } from "../update/preconditions.js";
import { UpdateReport } from "../update/report.js";
import { TimeZone } from "../update/windows.js";

/** The device's HTTP contract: paths, requests and answers. The server validates with these; the agent trusts the types. */

const strict = { additionalProperties: false } as const;
const Hex32 = Type.String({ pattern: "^[0-9a-f]{64}$" });
const Hex64 = Type.String({ pattern: "^[0-9a-f]{128}$" });

/** Query parameter of a blob's URL: a pass in place of a token, made by the server for this blob alone. */
export const PASS_PARAMETER = "pass";

export const PATHS = {
  enroll: "/api/v1/enroll",
  nonce: (deviceId: string) => `/api/v1/devices/${deviceId}/nonce`,
  session: (deviceId: string) => `/api/v1/devices/${deviceId}/session`,
  poll: (deviceId: string) => `/api/v1/devices/${deviceId}/poll`,
  reports: (deviceId: string) => `/api/v1/devices/${deviceId}/reports`,
  telemetry: (deviceId: string) => `/api/v1/devices/${deviceId}/telemetry`,
  /**
   * TUF metadata by file name: timestamp.json, 3.snapshot.json, 2.targets.json, 1.root.json … Public. And envelopes for
   * MCUs: root-2.cose, envelopeFile(name, version, hardware).
   */
  metadata: (file: string) => `/tuf/metadata/${file}`,
  /** Any blob by digest: manifest, artifact, golden vectors, patch. Public, immutable, Range, strong ETag. */
  blob: (sha256: string) => `/blobs/${sha256}`,
} as const;

/** One-time token in, identity out. Idempotent for the same token, device and key; refused for another key. */
export const EnrollRequest = Type.Object(
  {
    token: Type.String({ minLength: 16, maxLength: 128 }),
    deviceId: Name,
    /** Ed25519 public key that the device made; the secret never leaves it. */
    publicKey: Hex32,
    hardware: Name,
    tags: Type.Record(Name, Type.String({ maxLength: 128 }), { maxProperties: 32 }),
  },
  strict,
);
export type EnrollRequest = Static<typeof EnrollRequest>;

export const EnrollAnswer = Type.Object(
  { deviceId: Name, product: Name, mqttUrl: Type.String(), pollIntervalS: Type.Number() },
  strict,
);
export type EnrollAnswer = Static<typeof EnrollAnswer>;

export const NonceAnswer = Type.Object({ nonce: Hex32 }, strict);
export type NonceAnswer = Static<typeof NonceAnswer>;

/** Signature over sessionMessage(deviceId, nonce): works on a device that has no clock. */
export const SessionRequest = Type.Object({ nonce: Hex32, signature: Hex64 }, strict);
export type SessionRequest = Static<typeof SessionRequest>;

/**
 * `token` is the HTTP bearer and the MQTT password (user name: device id). `broker` is there where the broker is not the
 * server's own: it has a password of its own, and its acknowledgement is not the server's, so reports and telemetry are to
 * be sent as requests, whose answers are.
 */
export const SessionAnswer = Type.Object(
  {
    token: Type.String(),
    expiresInS: Type.Number(),
    broker: Type.Optional(Type.Object({ password: Type.String({ maxLength: 4096 }) }, strict)),
  },
  strict,
);
export type SessionAnswer = Static<typeof SessionAnswer>;

export function sessionMessage(deviceId: string, nonce: string): Uint8Array {
  return new TextEncoder().encode(`mote-session-v1\n${deviceId}\n${nonce}`);
}

export const CODECS = ["full", "tensor", "bsdiff"] as const;
export const Codec = Type.Union(CODECS.map((codec) => Type.Literal(codec)));
export type Codec = Static<typeof Codec>;

/** What a device knows of itself beside battery and room (update/preconditions.ts). */
export const ReportedConditions = Type.Object(
  {
    charging: Type.Union([Type.Boolean(), Type.Null()]),
    metered: Type.Union([Type.Boolean(), Type.Null()]),
    link: Type.Union([LinkType, Type.Null()]),
    temperatureC: Type.Union([Type.Number(), Type.Null()]),
    busy: Type.Boolean(),
    inCriticalTask: Type.Boolean(),
    timeZone: Type.Union([TimeZone, Type.Null()]),
  },
  strict,
);
export type ReportedConditions = Static<typeof ReportedConditions>;

export const PollRequest = Type.Object(
  {
    /** What serves now; sequence 0 and null before the first update. */
    running: Type.Object(
      { sequence: Type.Integer({ minimum: 0 }), artifactSha256: Type.Union([Sha256Hex, Type.Null()]) },
      strict,
    ),
    /** Artifacts in its slots and cache: any of them may be the base of a patch. */
    held: Type.Array(Sha256Hex, { maxItems: 8 }),
    /** Highest signed floor seen. */
    floor: Type.Integer({ minimum: 0 }),
    codecs: Type.Array(Codec, { maxItems: 8 }),
    agentVersion: Type.String({ maxLength: 32 }),
    batteryPercent: Type.Union([Type.Integer({ minimum: 0, maximum: 100 }), Type.Null()]),
    freeBytes: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]),
    /** Older agents send none of it. */
    conditions: Type.Optional(ReportedConditions),
    /** It can run a second model beside the one that serves: only then is it offered a shadow. */
    canShadow: Type.Optional(Type.Boolean()),
    /** It can keep a proved release in its spare slot until it is told to switch: only then is it offered one to hold. */
    canHold: Type.Optional(Type.Boolean()),
  },
  strict,
);
export type PollRequest = Static<typeof PollRequest>;

/** One way to get an artifact's bytes. A patch is untrusted input: only the result's digest counts. */
export const Route = Type.Object(
  {
    codec: Codec,
    baseSha256: Type.Union([Sha256Hex, Type.Null()]),
    blob: ArtifactRef,
  },
  strict,
);
export type Route = Static<typeof Route>;

/** Carries no authority: the device believes the signed manifest, and uses the offer as a hint where to look. */
export const Offer = Type.Object(
  {
    id: Type.String({ maxLength: 64 }),
    /** "shadow": to run beside the release that serves, and only to report. */
    kind: Type.Union([Type.Literal("update"), Type.Literal("rollback"), Type.Literal("shadow")]),
    name: Name,
    version: Version,
    sequence: Type.Integer({ minimum: 1 }),
    /** TUF target path of the manifest. */
    target: Type.String({ maxLength: 256 }),
    /** Smallest first; the device tries them in order. Empty when it holds the artifact already. */
    routes: Type.Array(Route, { maxItems: 8 }),
    preconditions: Preconditions,
    /** Of a shadow: share of the inferences that it is to make too. */
    shadowShare: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1 })),
    /**
     * When the release is to serve. "hold": it is fetched, proved and kept in the spare slot until the same offer comes
     * with "immediate", or without this field.
     */
    activate: Type.Optional(Type.Union([Type.Literal("immediate"), Type.Literal("hold")])),
  },
  strict,
);
export type Offer = Static<typeof Offer>;

export const PollAnswer = Type.Object(
  { offer: Type.Union([Offer, Type.Null()]), pollIntervalS: Type.Number({ exclusiveMinimum: 0 }) },
  strict,
);
export type PollAnswer = Static<typeof PollAnswer>;

export const ReportsRequest = Type.Object(
  { reports: Type.Array(UpdateReport, { minItems: 1, maxItems: 64 }) },
  strict,
);
export type ReportsRequest = Static<typeof ReportsRequest>;

/** Ids that are stored durably (new ones and repeated ones alike); the device may forget them. */
export const ReportsAnswer = Type.Object({ accepted: Type.Array(Type.String()) }, strict);
export type ReportsAnswer = Static<typeof ReportsAnswer>;

/** Frames of telemetry (telemetry/frame.ts) as base64, for devices whose messages are acknowledged by no server of ours. */
export const TelemetryRequest = Type.Object(
  {
    frames: Type.Array(Type.String({ pattern: "^[A-Za-z0-9+/]*={0,2}$", maxLength: 11_000 }), {
      minItems: 1,
      maxItems: 16,
    }),
  },
  strict,
);
export type TelemetryRequest = Static<typeof TelemetryRequest>;

/** Frames that are stored durably, repeated ones among them, and those that are none and were dropped. */
export const TelemetryAnswer = Type.Object(
  { stored: Type.Integer({ minimum: 0 }), dropped: Type.Integer({ minimum: 0 }) },
  strict,
);
export type TelemetryAnswer = Static<typeof TelemetryAnswer>;

/** Every refusal of every door, HTTP status aside. */
export const ErrorAnswer = Type.Object(
  { code: Type.String(), message: Type.String(), requestId: Type.String() },
  strict,
);
export type ErrorAnswer = Static<typeof ErrorAnswer>;

/** TUF target path of a release's manifest. */
export function targetPath(name: string, version: string): string {
  return `${name}/${version}/manifest.json`;
}
