import { type Static, Type } from "@sinclair/typebox";
import { decode, encode } from "cborg";
import { Sha256Hex } from "../bundle/manifest.js";
import { SchemaError, TooLargeError } from "../errors.js";
import { checkSchema } from "../schema.js";
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

/** Reports that one message carries at most; a device with more sends several. */
export const REPORTS_MAX_COUNT = 64;
/** Bytes of one message: 64 reports of the longest kind fit. */
export const REPORTS_MAX_BYTES = 64 * 1024;

const Reports = Type.Array(UpdateReport, { minItems: 1, maxItems: REPORTS_MAX_COUNT });

/** The payload of the MQTT topic `report`: a CBOR array. */
export function encodeReports(reports: readonly UpdateReport[]): Uint8Array {
  return encode(reports.map((report) => ({ ...report })));
}

/** @throws TooLargeError, SchemaError */
export function decodeReports(bytes: Uint8Array): UpdateReport[] {
  if (bytes.length > REPORTS_MAX_BYTES) {
    throw new TooLargeError({
      expected: `reports of at most ${REPORTS_MAX_BYTES} bytes`,
      got: `${bytes.length} bytes`,
      todo: "Send fewer reports in one message.",
    });
  }
  let value: unknown;
  try {
    value = decode(bytes, { allowIndefinite: false });
  } catch (cause) {
    throw new SchemaError({
      expected: "reports as a CBOR array",
      got: `${bytes.length} bytes of something else`,
      todo: "Check that the device runs a matching agent version.",
      cause,
    });
  }
  return checkSchema(Reports, value, "the reports");
}
