import { encode } from "cborg";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MoteError, SchemaError, TooLargeError } from "../errors.js";
import {
  decodeReports,
  encodeReports,
  REPORTS_MAX_BYTES,
  REPORTS_MAX_COUNT,
  type UpdateReport,
} from "./report.js";

const report: UpdateReport = {
  id: "0a1b2c3d-1",
  offerId: "r1:update",
  atMs: 0,
  phase: "confirmed",
  code: "ok",
  runningSequence: 2,
  targetSequence: 2,
  artifactSha256: "ab".repeat(32),
  downloadedBytes: 1234,
  codec: "tensor",
  detail: "",
};

describe("reports on MQTT", () => {
  it("come back as they were sent", () => {
    const reports = [
      report,
      { ...report, id: "0a1b2c3d-2", offerId: null, codec: null, artifactSha256: null },
    ];
    expect(decodeReports(encodeReports(reports))).toEqual(reports);
  });

  it("fit the message limit even when all are of the longest kind", () => {
    const long = { ...report, id: "x".repeat(64), offerId: "x".repeat(64), detail: "x".repeat(512) };
    expect(encodeReports(Array(REPORTS_MAX_COUNT).fill(long)).length).toBeLessThan(REPORTS_MAX_BYTES);
  });

  it("are refused when too many, unknown or too large", () => {
    expect(() => decodeReports(encodeReports(Array(REPORTS_MAX_COUNT + 1).fill(report)))).toThrow(
      SchemaError,
    );
    expect(() => decodeReports(encode([{ ...report, code: "made-up" }]))).toThrow(SchemaError);
    expect(() => decodeReports(new Uint8Array(REPORTS_MAX_BYTES + 1))).toThrow(TooLargeError);
  });

  it("never give anything but an error of ours for bytes of any kind", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          decodeReports(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(MoteError);
        }
      }),
    );
  });
});
