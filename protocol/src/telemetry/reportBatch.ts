import { Type } from "@sinclair/typebox";
import { decode, encode } from "cborg";
import { SchemaError } from "../errors.js";
import { checkSchema } from "../schema.js";
import { UpdateReport } from "../update/report.js";

/** Payload of the report topic: a CBOR array of reports, field names and all (reports are rare, frames are not). */

export const REPORT_BATCH_MAX = 64;

const ReportBatch = Type.Array(UpdateReport, { minItems: 1, maxItems: REPORT_BATCH_MAX });

export function encodeReportBatch(reports: readonly UpdateReport[]): Uint8Array {
  return encode([...reports]);
}

/** @throws SchemaError on anything that is not 1 to REPORT_BATCH_MAX reports. */
export function decodeReportBatch(bytes: Uint8Array): UpdateReport[] {
  let value: unknown;
  try {
    value = decode(bytes);
  } catch (cause) {
    throw new SchemaError({
      expected: "a CBOR array of reports",
      got: `${bytes.length} bytes of something else`,
      todo: "Check that the device runs a matching agent version; the message was dropped.",
      cause,
    });
  }
  return checkSchema(ReportBatch, value, "the report batch");
}
