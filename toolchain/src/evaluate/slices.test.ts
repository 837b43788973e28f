import { describe, expect, it } from "vitest";
import { scoreSlices, wilson } from "./slices.js";

describe("results per slice", () => {
  const part = [...Array(100).fill("day"), ...Array(100).fill("night")];
  const labels = new Int32Array(200);
  // Right on all of the day, on 60 of 100 at night.
  const predicted = Int32Array.from({ length: 200 }, (_, i) => (i >= 160 ? 1 : 0));

  it("names the slice that is worse than the whole by more than chance, first", () => {
    const scores = scoreSlices({ name: "light", part }, { labels, predicted, other: labels });
    expect(Object.keys(scores)).toEqual(["night", "day"]);
    expect(scores["night"]).toMatchObject({
      samples: 100,
      accuracy: 0.6,
      isWorse: true,
      againstAccuracy: 1,
      agreement: 0.6,
    });
    expect(scores["day"]).toMatchObject({ accuracy: 1, isWorse: false });
  });

  it("does not call a small slice worse for one error", () => {
    const scores = scoreSlices(
      { name: "s", part: ["a", "a", "b", "b"] },
      { labels: [0, 0, 0, 0], predicted: [0, 0, 0, 1] },
    );
    expect(scores["b"]).toMatchObject({ accuracy: 0.5, isWorse: false });
  });

  it("gives agreement alone where there are no labels", () => {
    const scores = scoreSlices({ name: "s", part: ["a", "b"] }, { predicted: [1, 2], other: [1, 3] });
    expect(scores).toEqual({ b: { samples: 1, agreement: 0 }, a: { samples: 1, agreement: 1 } });
  });
});

it("gives Wilson's interval", () => {
  // Newcombe, Statistics in Medicine 17 (1998), table I, method 3: 81 of 263.
  const { low, high } = wilson(81 / 263, 263);
  expect(low).toBeCloseTo(0.2553, 3);
  expect(high).toBeCloseTo(0.3662, 3);
});
