import { encode } from "cborg";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MoteError, SchemaError } from "../errors.js";
import type { UpdateReport } from "../update/report.js";
import { decodeReportBatch, encodeReportBatch, REPORT_BATCH_MAX } from "./reportBatch.js";

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
    expect(decodeReportBatch(encodeReportBatch(reports))).toEqual(reports);
  });

  it("are refused when too many or of an unknown kind", () => {
    expect(() => decodeReportBatch(encodeReportBatch(Array(REPORT_BATCH_MAX + 1).fill(report)))).toThrow(
      SchemaError,
    );
    expect(() => decodeReportBatch(encode([{ ...report, code: "made-up" }]))).toThrow(SchemaError);
  });

  it("never give anything but an error of ours for bytes of any kind", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          decodeReportBatch(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(MoteError);
        }
      }),
    );
  });
});
