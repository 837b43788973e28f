import { describe, expect, it } from "vitest";
import { type Attempt, SignInThrottle, THROTTLE_LIMITS } from "./throttle.js";

function bench() {
  const state = { nowMs: 0, blocked: [] as { attempt: Attempt; pauseMs: number }[] };
  const throttle = new SignInThrottle(
    () => state.nowMs,
    (attempt, pauseMs) => state.blocked.push({ attempt, pauseMs }),
  );
  const fail = (attempt: Attempt, times: number) => {
    for (let i = 0; i < times; i++) throttle.failed(attempt);
  };
  const isFree = (attempt: Attempt) => {
    try {
      throttle.check(attempt);
      return true;
    } catch {
      return false;
    }
  };
  return { state, throttle, fail, isFree };
}

const cam: Attempt = { address: "192.0.2.1", account: "cam-1" };

describe("failed sign-ins", () => {
  it("cost nothing at first, then ever longer pauses", () => {
    const { state, throttle, fail, isFree } = bench();
    fail(cam, THROTTLE_LIMITS.freeByAccount);
    expect(isFree(cam)).toBe(true);
    for (const pauseMs of [1000, 2000, 4000]) {
      throttle.failed(cam);
      state.nowMs += pauseMs - 1;
      expect(isFree(cam)).toBe(false);
      state.nowMs += 1;
      expect(isFree(cam)).toBe(true);
    }
    expect(state.blocked.map(({ pauseMs }) => pauseMs)).toEqual([1000, 2000, 4000]);
    fail(cam, 40);
    expect(() => throttle.check(cam)).toThrow(/Try again in 900 s/);
  });

  it("lock an account out nowhere else, and other accounts behind the address not at all", () => {
    const { fail, isFree } = bench();
    fail(cam, 30);
    expect(isFree(cam)).toBe(false);
    expect(isFree({ ...cam, address: "192.0.2.2" })).toBe(true);
    expect(isFree({ ...cam, account: "cam-2" })).toBe(true);
  });

  it("of many accounts from one address slow the whole address, one network of IPv6 being one address", () => {
    const { fail, isFree } = bench();
    const last = THROTTLE_LIMITS.freeByAddress + 1;
    for (let i = 0; i < last; i++) fail({ address: `2001:db8:0:7::${i}`, account: `cam-${i}` }, 1);
    expect(isFree({ address: "2001:db8:0:7:ffff::1", account: "another" })).toBe(false);
    expect(isFree({ address: "2001:db8:0:8::1", account: "another" })).toBe(true);
  });

  it("of one account that never stops count against its address once", () => {
    const { fail, isFree } = bench();
    fail(cam, 10 * THROTTLE_LIMITS.freeByAddress);
    expect(isFree({ ...cam, account: "cam-2" })).toBe(true);
  });

  it("are forgiven after a success, and forgotten after an hour", () => {
    const { state, throttle, fail, isFree } = bench();
    fail(cam, THROTTLE_LIMITS.freeByAccount);
    throttle.succeeded(cam);
    fail(cam, THROTTLE_LIMITS.freeByAccount);
    expect(isFree(cam)).toBe(true);
    state.nowMs += THROTTLE_LIMITS.forgetMs + 1;
    fail(cam, THROTTLE_LIMITS.freeByAccount);
    expect(isFree(cam)).toBe(true);
  });

  it("hold nobody for years when the clock is set back", () => {
    const { state, fail, isFree } = bench();
    state.nowMs = 1e12;
    fail(cam, 30);
    expect(isFree(cam)).toBe(false);
    state.nowMs = 0;
    expect(isFree(cam)).toBe(true);
  });

  it("from more addresses than are remembered cost no more memory", () => {
    const { throttle, isFree } = bench();
    for (let i = 0; i < THROTTLE_LIMITS.maxKeys + 500; i++) {
      throttle.failed({ address: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, account: null });
    }
    expect(isFree(cam)).toBe(true);
  });
});
