import { DEFAULT_RETRIES, type Retries } from "@mote/protocol";
import type { Member } from "../store/rollouts.js";

/** Failures that a later try may not meet again. */
const TRANSIENT: ReadonlySet<string> = new Set([
  "download-failed",
  "interrupted",
  "disk-full",
  "waiting-preconditions",
  "metadata-expired",
]);
const MAX_BACKOFF_S = 6 * 3600;

/**
 * When a device that has just failed may be told again; null when it is not to be.
 *
 * @param attempts so far, this one included.
 */
export function retryAtMs(
  code: string,
  attempts: number,
  nowMs: number,
  retries: Retries = DEFAULT_RETRIES,
): number | null {
  if (!TRANSIENT.has(code) || attempts >= retries.maxAttempts) return null;
  const pauseS = Math.min(MAX_BACKOFF_S, retries.backoffS * 2 ** (attempts - 1));
  return nowMs + 1000 * pauseS;
}

export function isRetryDue({ retryAtMs: dueAtMs }: Pick<Member, "retryAtMs">, nowMs: number): boolean {
  // Due later than any pause lasts: the clock was set back.
  return dueAtMs !== null && (nowMs >= dueAtMs || dueAtMs - nowMs > 1000 * MAX_BACKOFF_S);
}
