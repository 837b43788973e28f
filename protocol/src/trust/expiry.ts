/** How long before a role's expiry people are told. Signing takes a meeting; a month is time for one. */
export const WARN_BEFORE_EXPIRY_MS = 30 * 86_400_000;

/** The earliest time that a clock can honestly show: before it, the clock was never set. 2026-01-01. */
export const EARLIEST_CLOCK_MS = 1_767_225_600_000;

export type Expiry = "fine" | "soon" | "expired";

/** @param expires as the metadata states it (UTC, seconds), or in ms since 1970 */
export function judgeExpiry(
  expires: string | number,
  nowMs: number,
  warnBeforeMs = WARN_BEFORE_EXPIRY_MS,
): Expiry {
  const remainingMs = (typeof expires === "number" ? expires : Date.parse(expires)) - nowMs;
  if (remainingMs <= 0) return "expired";
  return remainingMs <= warnBeforeMs ? "soon" : "fine";
}
