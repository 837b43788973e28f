import { MAX_JSON_DEPTH } from "./limits.js";

/**
 * OLPC canonical JSON, the form over which TUF metadata is signed: keys sorted by code unit, no whitespace, integers
 * only, and in strings only the backslash and the double quote are escaped. Not RFC 8785 (bundle/canonical.ts).
 *
 * @throws RangeError on a fraction, an undefined value or nesting deeper than MAX_JSON_DEPTH.
 */
export function canonicalJson(value: unknown): string {
  return write(value, 0);
}

function write(value: unknown, depth: number): string {
  if (depth > MAX_JSON_DEPTH) throw new RangeError(`nested deeper than ${MAX_JSON_DEPTH}`);
  if (typeof value === "string") return quote(value);
  if (typeof value === "boolean" || value === null) return String(value);
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is not an integer below 2^53`);
    // String(-0) is "0", as the reference implementations have it.
    return String(value);
  }
  if (Array.isArray(value)) return `[${value.map((item) => write(item, depth + 1)).join(",")}]`;
  if (typeof value === "object") {
    const members = Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => `${quote(key)}:${write(item, depth + 1)}`);
    return `{${members.join(",")}}`;
  }
  throw new RangeError(`a ${typeof value} has no canonical form`);
}

function quote(text: string): string {
  return `"${text.replace(/[\\"]/g, "\\$&")}"`;
}
