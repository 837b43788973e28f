import { describe, expect, it } from "vitest";
import { isRetryDue, retryAtMs } from "./retries.js";

const retries = { maxAttempts: 4, backoffS: 60 };

describe("another try", () => {
  it("follows after a pause that doubles", () => {
    const pauses = [1, 2, 3].map((attempts) => retryAtMs("download-failed", attempts, 0, retries));
    expect(pauses).toEqual([60_000, 120_000, 240_000]);
  });

  it("waits six hours at most", () => {
    expect(retryAtMs("disk-full", 15, 0, { maxAttempts: 20, backoffS: 60 })).toBe(6 * 3_600_000);
  });

  it("does not follow the last attempt, nor a failure that would come again", () => {
    expect(retryAtMs("download-failed", 4, 0, retries)).toBeNull();
    expect(retryAtMs("golden-failed", 1, 0, retries)).toBeNull();
    expect(retryAtMs("signature-invalid", 1, 0, retries)).toBeNull();
  });

  it("is due from its time on", () => {
    expect(isRetryDue({ retryAtMs: null }, 9)).toBe(false);
    expect(isRetryDue({ retryAtMs: 10 }, 9)).toBe(false);
    expect(isRetryDue({ retryAtMs: 10 }, 10)).toBe(true);
    expect(isRetryDue({ retryAtMs: 1e12 }, 0)).toBe(true);
  });
});
