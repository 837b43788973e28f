import { encode } from "cborg";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MoteError, SchemaError } from "../errors.js";
import { decodeFrame } from "./frame.js";
import { decodeReportBatch, encodeReportBatch, REPORT_BATCH_MAX } from "./reportBatch.js";
import { exampleReport as report } from "./telemetry.example.js";

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
        for (const read of [decodeReportBatch, decodeFrame]) {
          try {
            read(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(MoteError);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("are refused with integers beyond 2^53, which JSON could not show", () => {
    const large = new Uint8Array([0x3b, 1, 0, 0, 0, 0, 0, 0, 0]);
    expect(() => decodeReportBatch(large)).toThrow(/-72057594037927937/);
    expect(() => decodeFrame(large)).toThrow(SchemaError);
    expect(() => decodeFrame(encode([1, 2n ** 60n, ...new Array(14).fill(0)]))).toThrow(SchemaError);
  });
});
