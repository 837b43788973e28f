import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openDataset } from "../data/index.js";
import { degrade, MILD } from "./degrade.js";
import { changed, DIGIT_SPLIT, loadDigits } from "./digits.js";
import { exportDigits } from "./digits-data.js";

function key(sample: Float32Array): string {
  return createHash("sha256")
    .update(new Uint8Array(sample.buffer, sample.byteOffset, sample.byteLength))
    .digest("hex");
}

describe("the digits", () => {
  it("are split once and for all, without a sample in two parts", async () => {
    const { train, validation, test } = await loadDigits();
    expect([train.count, validation.count, test.count]).toEqual([
      DIGIT_SPLIT.train,
      DIGIT_SPLIT.validation,
      DIGIT_SPLIT.test,
    ]);
    const keys = (part: typeof train) => Array.from({ length: part.count }, (_, i) => key(part.sample(i)));
    const seen = new Set(keys(train));
    const others = [...keys(validation), ...keys(test)];
    expect(others.filter((sample) => seen.has(sample))).toEqual([]);
    // The split's fingerprint: whatever quotes an accuracy quotes it for this split.
    expect(key(test.sample(0)).slice(0, 16)).toBe("a59efe1290c46665");
    for (let digit = 0; digit < 10; digit++)
      expect(test.labels.filter((label) => label === digit).length).toBeGreaterThan(150);
  });

  it("degrade the same way from the same seed, within 0 to 1", async () => {
    const { test } = await loadDigits();
    const few = { ...test, count: 20, labels: test.labels.slice(0, 20) };
    const [a, b, c] = [3, 3, 4].map((seed) =>
      changed(few, seed, (sample, random) => degrade(sample, random)),
    );
    for (let i = 0; i < 20; i++) {
      expect(a!.sample(i)).toEqual(b!.sample(i));
      expect(a!.sample(i)).not.toEqual(c!.sample(i));
      expect(a!.sample(i)).not.toEqual(test.sample(i));
      expect(Math.min(...a!.sample(i))).toBeGreaterThanOrEqual(0);
      expect(Math.max(...a!.sample(i))).toBeLessThanOrEqual(1);
    }
  });

  it("stay where they are when nothing is to be changed", async () => {
    const { test } = await loadDigits();
    const still = { ...MILD, rotation: 0, shift: 0, scale: 0 };
    const few = { ...test, count: 5, labels: test.labels.slice(0, 5) };
    const same = changed(few, 1, (sample, random) => degrade(sample, random, still));
    for (let i = 0; i < 5; i++)
      same.sample(i).forEach((value, p) => {
        expect(value).toBeCloseTo(test.sample(i)[p]!, 6);
      });
  });

  it("are written as data sets that the commands read", async () => {
    const directory = mkdtempSync(join(tmpdir(), "mote-digits-"));
    try {
      const paths = await exportDigits(directory);
      const { test } = await loadDigits();
      const read = await openDataset(paths["test"]!);
      expect(read).toMatchObject({ count: 2000, sampleShape: [28, 28, 1] });
      expect(read.labels).toEqual(test.labels);
      expect(read.sample(7)).toEqual(test.sample(7));
      expect(readFileSync(paths["test-degraded"]!).length).toBe(readFileSync(paths["test"]!).length);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
