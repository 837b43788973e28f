import { costTable } from "@mote/toolchain/profile/cost";
import { describe, expect, it } from "vitest";
import { cycleRatios, leaveOneOut, median, relativeErrors, releaseOnPart } from "./predict-published.js";
import { hasPublishedResults, readPublishedResults } from "./published-results.js";
import { fitRidge } from "./ridge.js";

const needsData = "(needs the published MLPerf Tiny results)";

describe("ridge fit", () => {
  it("finds additive effects and takes an unseen one as zero", () => {
    const of = (...names: string[]) => new Map(names.map((name) => [name, 1e-9] as const));
    const predict = fitRidge([
      { effects: of("mean", "slow"), y: 5 },
      { effects: of("mean", "fast"), y: 1 },
      { effects: of("mean", "slow"), y: 5 },
    ]);
    expect(predict(of("mean", "slow"))).toBeCloseTo(5, 5);
    expect(predict(of("mean", "fast"))).toBeCloseTo(1, 5);
    expect(predict(of("mean", "fast", "unseen"))).toBeCloseTo(1, 5);
  });
});

describe.skipIf(!hasPublishedResults())(`prediction from published results ${needsData}`, () => {
  const results = readPublishedResults();

  it("meets 15 % of latency and 30 % of energy although every twin of the system is left out", () => {
    const { latency, energy } = relativeErrors(leaveOneOut(results, releaseOnPart));
    expect(latency.length).toBe(results.length);
    expect(median(latency)).toBeLessThan(0.15);
    expect(median(energy)).toBeLessThan(0.3);
  });

  it("never sees what it predicts: with doubled latencies in a group its prediction stays", () => {
    const group = releaseOnPart(results[0]!);
    const doubled = results.map((each) =>
      releaseOnPart(each) === group ? { ...each, latencyMs: 2 * each.latencyMs } : each,
    );
    const of = (list: typeof results) =>
      leaveOneOut(list, releaseOnPart)
        .filter((each) => each.group === group)
        .map(({ latencyMs }) => latencyMs);
    expect(of(doubled)).toEqual(of(results));
  });

  it.each([
    ["cortex-m7", "STM32H7A3"],
    ["cortex-m33", "STM32U575"],
  ] as const)("gives the factor of %s that the profile takes", (core, part) => {
    const profile = costTable(core).classes.conv.perMac / costTable("cortex-m4f").classes.conv.perMac;
    expect(profile).toBeCloseTo(median(cycleRatios(results, part, "STM32L4R5")), 2);
  });
});
