import { isIPv6 } from "node:net";
import type { Clock } from "../clock.js";
import { TooManyRequestsError, UnauthenticatedError } from "../errors.js";

export const THROTTLE_LIMITS = {
  /** Failures of one account from one address that cost nothing: people mistype. */
  freeByAccount: 5,
  /** Accounts that may fail from one address: a whole site may stand behind it. A setting changes it. */
  freeByAddress: 100,
  /** Pause after the first failure beyond; each further one doubles it. */
  firstPauseMs: 1000,
  maxPauseMs: 15 * 60_000,
  /** A key without failures for so long starts anew. */
  forgetMs: 3_600_000,
  /** Keys that are remembered; an attacker with more addresses makes the server forget the oldest, not run out of memory. */
  maxKeys: 20_000,
} as const;

interface Failures {
  count: number;
  blockedUntilMs: number;
  lastMs: number;
}

/** Who tries, as far as the door can tell. */
export interface Attempt {
  readonly address: string;
  /** What is signed in to: a device's id, or the digest of a token that names nobody; null where there is nothing. */
  readonly account: string | null;
}

/**
 * Slows down guessing: each account from each address, and each address as a whole, must wait ever longer after a failure.
 * An account is never locked for everybody, or anybody could lock anyone out; and an address counts an account once, so
 * that one forgotten script does not lock out its whole site.
 */
export class SignInThrottle {
  private readonly failures = new Map<string, Failures>();
  private readonly clock: Clock;
  private readonly freeByAddress: number;
  private readonly onBlocked: (attempt: Attempt, pauseMs: number) => void;

  /** @param onBlocked called when a pause begins, not at each attempt during it. */
  constructor(
    clock: Clock,
    onBlocked: (attempt: Attempt, pauseMs: number) => void = () => undefined,
    freeByAddress: number = THROTTLE_LIMITS.freeByAddress,
  ) {
    this.clock = clock;
    this.freeByAddress = freeByAddress;
    this.onBlocked = onBlocked;
  }

  /**
   * Does what signs in, and counts it. @throws TooManyRequestsError during a pause, else what `signIn` throws; only
   * UnauthenticatedError counts as a failure.
   */
  async attempt<T>(attempt: Attempt, signIn: () => Promise<T>): Promise<T> {
    this.check(attempt);
    try {
      const result = await signIn();
      this.succeeded(attempt);
      return result;
    } catch (error) {
      if (error instanceof UnauthenticatedError) this.failed(attempt);
      throw error;
    }
  }

  /** Throws TooManyRequestsError while a pause lasts; nothing is verified then, so a right guess tells nothing either. */
  check(attempt: Attempt): void {
    const nowMs = this.clock();
    const untilMs = Math.max(...keysOf(attempt).map((key) => this.failures.get(key)?.blockedUntilMs ?? 0));
    // A pause that is longer than any can be was begun before the clock was set back.
    if (untilMs <= nowMs || untilMs - nowMs > THROTTLE_LIMITS.maxPauseMs) return;
    const seconds = Math.ceil((untilMs - nowMs) / 1000);
    throw new TooManyRequestsError(
      { expected: "fewer failed sign-ins", got: "too many of them", todo: `Try again in ${seconds} s.` },
      seconds,
    );
  }

  failed(attempt: Attempt): void {
    const nowMs = this.clock();
    for (const { key, free } of this.counted(attempt)) {
      const held = this.failures.get(key);
      const isOld = held === undefined || nowMs - held.lastMs > THROTTLE_LIMITS.forgetMs;
      const count = (isOld ? 0 : held.count) + 1;
      const beyond = count - free;
      const pauseMs =
        beyond <= 0
          ? 0
          : Math.min(THROTTLE_LIMITS.maxPauseMs, THROTTLE_LIMITS.firstPauseMs * 2 ** (beyond - 1));
      // Moved to the end: the map's order is that of the last failure.
      this.failures.delete(key);
      this.failures.set(key, { count, blockedUntilMs: nowMs + pauseMs, lastMs: nowMs });
      if (pauseMs > 0) this.onBlocked(attempt, pauseMs);
    }
    for (const key of this.failures.keys()) {
      if (this.failures.size <= THROTTLE_LIMITS.maxKeys) break;
      this.failures.delete(key);
    }
  }

  private counted(attempt: Attempt): { key: string; free: number }[] {
    const address = { key: networkOf(attempt.address), free: this.freeByAddress };
    if (attempt.account === null) return [address];
    const account = {
      key: accountKey(attempt.address, attempt.account),
      free: THROTTLE_LIMITS.freeByAccount,
    };
    return this.failures.has(account.key) ? [account] : [account, address];
  }

  /** The account is known to its owner; the address stays under watch. */
  succeeded({ address, account }: Attempt): void {
    if (account !== null) this.failures.delete(accountKey(address, account));
  }
}

function keysOf({ address, account }: Attempt): string[] {
  return account === null ? [networkOf(address)] : [networkOf(address), accountKey(address, account)];
}

function accountKey(address: string, account: string): string {
  return `${networkOf(address)} ${account.slice(0, 128)}`;
}

/** One subscriber of IPv6 holds a whole /64. */
function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  if (/^::ffff:\d/i.test(address)) return address.slice(7);
  return `${expanded(address).slice(0, 4).join(":")}::/64`;
}

function expanded(address: string): string[] {
  const [head = "", tail] = address.split("%")[0]!.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  return [...left, ...Array<string>(zeros).fill("0"), ...right].map((part) =>
    part.toLowerCase().replace(/^0+(?=.)/, ""),
  );
}
