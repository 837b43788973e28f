/** Bytes `[start, end]`, both inclusive. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * One range of RFC 9110 section 14.1.2. Several ranges at once are answered with the whole, as the RFC allows: no update
 * client asks for them, and they have been used to exhaust servers.
 *
 * @returns "whole" to answer 200, "unsatisfiable" to answer 416.
 */
export function parseRange(
  header: string | undefined,
  length: number,
): ByteRange | "whole" | "unsatisfiable" {
  if (header === undefined) return "whole";
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header.trim());
  if (match === null) return "whole";
  const first = match[1] ?? "";
  const last = match[2] ?? "";
  if (first === "" && last === "") return "whole";
  if (first === "") {
    const suffix = Number(last);
    if (suffix === 0) return "unsatisfiable";
    return { start: Math.max(0, length - suffix), end: length - 1 };
  }
  const start = Number(first);
  const end = last === "" ? length - 1 : Math.min(Number(last), length - 1);
  if (last !== "" && Number(last) < start) return "whole";
  return start >= length ? "unsatisfiable" : { start, end };
}
