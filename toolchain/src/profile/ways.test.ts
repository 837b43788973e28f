import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { readTflite } from "../formats/tflite/read.js";
import { loadTarget } from "../targets/index.js";
import type { Budget } from "./budget.js";
import { profileGraph } from "./profile.js";
import { waysUnder } from "./ways.js";

const DATA = process.env["MOTE_DATA"] ?? resolve(import.meta.dirname, "../../../../shared/data");
const hasData = existsSync(join(DATA, "mlperf-tiny"));

describe.skipIf(!hasData)("waysUnder (needs the shared data)", () => {
  const load = (name: string) => readTflite(readFileSync(join(DATA, `mlperf-tiny/${name}_int8.tflite`)));
  const ways = (name: string, part: string, budget: Budget) => {
    const graph = load(name);
    const target = loadTarget(part);
    return waysUnder(graph, target, { budget }, profileGraph(graph, target, { budget }));
  };

  it("says nothing where the budget holds", () => {
    expect(ways("ad", "nrf52840", { flashBytes: 1024 ** 2 })).toEqual([]);
  });

  it("takes the second slot before it takes updates: flash", () => {
    const budget = { flashBytes: 350 * 1024 };
    expect(profileGraph(load("ad"), loadTarget("nrf52840"), { budget }).fits).toBe(false);
    const [way] = ways("ad", "nrf52840", budget);
    expect(way).toMatchObject({ change: "--single-slot", isProved: true });
  });

  it("finds that fixed code is fast enough where no other option is: VWW without its dead channels", () => {
    const graph = load("vww");
    const target = loadTarget("cortex-m4f");
    const updatable = profileGraph(graph, target).worstCaseLatencyUs;
    const [way] = ways("vww", "cortex-m4f", { latencyUs: 0.7 * updatable });
    expect(way).toMatchObject({ change: "--fixed", isProved: true });
  });

  it("gives the duty cycle that the average power allows, to the inference", () => {
    const graph = load("kws");
    const target = loadTarget("nrf52840");
    const budget = { averagePowerUw: 100, inferencesPerS: 10 };
    const [way] = ways("kws", "nrf52840", budget);
    const perDay = Number(/dutyCycle: (\d+) \/ day/.exec(way!.change)![1]);
    const at = (rate: number): boolean =>
      profileGraph(graph, target, { budget: { ...budget, inferencesPerS: rate / 86_400 } }).fits;
    expect(at(perDay)).toBe(true);
    expect(at(perDay + 1)).toBe(false);
  });

  it("sends a model that no option saves to the search that prunes", () => {
    const [way] = ways("ic", "cortex-m4f", { latencyUs: 1000 });
    expect(way).toMatchObject({ isProved: false });
    expect(way!.change).toContain("mote optimize");
  });
});
