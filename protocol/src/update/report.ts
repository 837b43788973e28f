import { type Static, Type } from "@sinclair/typebox";
import { Sha256Hex } from "../bundle/manifest.js";
import { STATES } from "./machine.js";

/** Why an update went the way it went. A code is never reused for another meaning. */
export const REPORT_CODES = [
  "ok",
  "waiting-preconditions",
  "signature-invalid",
  "metadata-expired",
  "below-floor",
  "wrong-hardware",
  "wrong-architecture",
  "manifest-invalid",
  "download-failed",
  "digest-mismatch",
  "patch-failed",
  "disk-full",
  "golden-failed",
  "unhealthy-errors",
  "unhealthy-latency",
  "withdrawn",
  "interrupted",
  "internal",
  /** An update client of another kind says so; why is in the detail. */
  "install-failed",
] as const;
export type ReportCode = (typeof REPORT_CODES)[number];

/** One thing that happened to one update on one device. Kept on the device until the server acknowledges its id. */
export const UpdateReport = Type.Object(
  {
    /** Unique per device (random or counter); a report that comes again is acknowledged and not counted again. */
    id: Type.String({ minLength: 8, maxLength: 64, pattern: "^[0-9A-Za-z-]+$" }),
    /** Offer that this report answers; null for what happened without one. */
    offerId: Type.Union([Type.String({ maxLength: 64 }), Type.Null()]),
    /** Milliseconds since 1970 by the device's clock. */
    atMs: Type.Integer({ minimum: 0 }),
    /** State that the device entered, or the end of the update. */
    phase: Type.Union([
      ...STATES.map((state) => Type.Literal(state)),
      Type.Literal("confirmed"),
      Type.Literal("reverted"),
      Type.Literal("refused"),
      Type.Literal("failed"),
    ]),
    code: Type.Union(REPORT_CODES.map((code) => Type.Literal(code))),
    /** Release that serves inference at this moment. */
    runningSequence: Type.Integer({ minimum: 0 }),
    targetSequence: Type.Integer({ minimum: 0 }),
    artifactSha256: Type.Union([Sha256Hex, Type.Null()]),
    /** Artifact bytes that came over the network for this update so far (metadata not counted). */
    downloadedBytes: Type.Integer({ minimum: 0 }),
    /** Codec that was applied: full, tensor, bsdiff, or "held" when the device had the bytes. Null before that. */
    codec: Type.Union([Type.String({ maxLength: 16 }), Type.Null()]),
    detail: Type.String({ maxLength: 512 }),
  },
  { additionalProperties: false },
);
export type UpdateReport = Static<typeof UpdateReport>;
