import { toHex } from "../../bytes.js";
import type { ParamsLayout } from "../params-layout.js";
import { decodeForm, encodeForm, PLAIN_FORM } from "../row-form.js";
import type { TensorRange } from "./tensor-range.js";

/**
 * What a parameter blob holds (`params.bin`: "MOTP", header of 48 bytes, from its byte 16 the hash of the architecture).
 * The blob does not say where; the layout of that architecture does. Null when the bytes are no such blob, or none of
 * the layouts is of its architecture and length.
 */

const HASH_AT = 16;
const HEADER_BYTES = 48;

/** The hash of the architecture whose parameters these are, 64 hex digits; null for other bytes. */
export function architectureOf(bytes: Uint8Array): string | null {
  if (bytes.length < HEADER_BYTES || String.fromCharCode(...bytes.subarray(0, 4)) !== "MOTP") return null;
  return toHex(bytes.subarray(HASH_AT, HEADER_BYTES));
}

export function findParamsRanges(bytes: Uint8Array, layouts: readonly ParamsLayout[]): TensorRange[] | null {
  const architecture = architectureOf(bytes);
  const layout = layouts.find(
    ({ architectureHash, paramBytes }) => architectureHash === architecture && paramBytes === bytes.length,
  );
  return layout?.ranges.map(rangeOf) ?? null;
}

function rangeOf(range: ParamsLayout["ranges"][number], index: number): TensorRange {
  const name = String(index);
  if ("count" in range) {
    const length = 4 * range.count;
    return { name, dtype: range.dtype, offset: range.at, length, rowLength: length };
  }
  const form = decodeForm(range.form) ?? PLAIN_FORM;
  return {
    name,
    dtype: "int8",
    offset: range.at,
    length: range.rows * range.rowBytes,
    rowLength: range.rowBytes,
    ...(encodeForm(form) === 0 ? {} : { form }),
  };
}
