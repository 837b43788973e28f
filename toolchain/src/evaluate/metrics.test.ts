import { describe, expect, it } from "vitest";
import { agreement, argMax, ChannelSignalToNoise, classify, SignalToNoise } from "./metrics.js";

describe("classification metrics", () => {
  it("counts the confusion by true row and predicted column", () => {
    const result = classify([0, 0, 1, 2], [0, 1, 1, 1], 3, ["a", "b", "c"]);
    expect(result.accuracy).toBe(0.5);
    expect(result.confusion).toEqual([
      [1, 1, 0],
      [0, 1, 0],
      [0, 1, 0],
    ]);
    expect(result.perClass["b"]).toEqual({ samples: 1, recall: 1, precision: 1 / 3 });
    expect(result.perClass["c"]).toEqual({ samples: 1, recall: 0, precision: null });
  });

  it("takes the first of equal outputs, as a device does", () => {
    expect(argMax([0.2, 0.4, 0.4])).toBe(1);
  });

  it("counts agreement", () => {
    expect(agreement([1, 2, 3, 4], [1, 2, 0, 4])).toBe(0.75);
  });

  it("measures noise in decibels, and none as infinite", () => {
    const noise = new SignalToNoise();
    noise.add([10, 0], [10, 0]);
    expect(noise.decibels).toBe(Number.POSITIVE_INFINITY);
    noise.add([0, 0], [1, 0]);
    expect(noise.decibels).toBeCloseTo(20);
    expect(noise.greatestError).toBe(1);
  });

  it("takes a channel's deliberate factor out before it measures the noise", () => {
    const reference = Float32Array.from({ length: 200 }, (_, i) => Math.sin(i));
    const noisy = reference.map((x, i) => (i % 2 === 0 ? x + 0.01 : 8 * (x + 0.01)));
    const noise = new ChannelSignalToNoise(2);
    noise.add(reference, noisy);
    expect(noise.isRescaled).toBe(true);
    expect(noise.decibels).toBeGreaterThan(35);
    const plain = new ChannelSignalToNoise(2);
    plain.add(
      reference,
      reference.map((x) => x + 0.01),
    );
    expect(plain.isRescaled).toBe(false);
    expect(plain.decibels).toBeCloseTo(37, 0);
  });
});
