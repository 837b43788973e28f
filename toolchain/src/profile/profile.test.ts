import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { readTflite } from "../formats/tflite/read.js";
import { loadTarget, TARGETS } from "../targets/index.js";
import { renderHtml } from "./html.js";
import { briefName } from "./over.js";
import { profileGraph } from "./profile.js";
import { renderProfile } from "./terminal.js";

const DATA = process.env["MOTE_DATA"] ?? resolve(import.meta.dirname, "../../../../shared/data");
const hasData = existsSync(join(DATA, "mlperf-tiny"));
const load = (name: string) => readTflite(readFileSync(join(DATA, `mlperf-tiny/${name}_int8.tflite`)));

describe.skipIf(!hasData)("profileGraph (needs the shared data)", () => {
  it("counts the multiplications that the models are known to have", () => {
    expect(profileGraph(load("kws"), loadTarget("cortex-m4f")).macs).toBe(2_656_768);
    expect(profileGraph(load("ad"), loadTarget("raspberry-pi-4")).macs).toBe(264_192);
  });

  it("adds up: parts to wholes, layers to the model, worst case above the estimate", () => {
    const report = profileGraph(load("kws"), loadTarget("nrf52840"));
    const sum = (values: Iterable<number>): number => [...values].reduce((a, b) => a + b, 0);
    expect(report.ramBytes).toBe(sum(Object.values(report.ramParts)));
    expect(report.flashBytes).toBe(sum(Object.values(report.flashParts)));
    expect(report.latencyUs).toBeCloseTo(sum(report.layers.map((layer) => layer.latencyUs)), 6);
    expect(report.worstCaseLatencyUs).toBeGreaterThan(report.latencyUs);
    const single = profileGraph(load("kws"), loadTarget("nrf52840"), { singleSlot: true });
    expect(report.flashBytes - single.flashBytes).toBe(report.flashParts["parameters"]);
  });

  it("names the layer that breaks a budget", () => {
    const budget = { ramBytes: 8000, latencyUs: 1000 };
    const { fits, over } = profileGraph(load("kws"), loadTarget("cortex-m4f"), { budget });
    expect(fits).toBe(false);
    expect(over.map(({ limit }) => limit)).toEqual(["ram", "latency"]);
    for (const { layer, proposal } of over) expect(proposal).toContain(briefName(layer));
  });

  it("holds a model against the part's own memory", () => {
    const { over } = profileGraph(load("vww"), {
      ...loadTarget("stm32l4r5"),
      ramBytes: { value: 16 * 1024, source: "a smaller part" },
    });
    expect(over.map(({ limit }) => limit)).toContain("ram");
  });

  it("spends less battery when it runs less often", () => {
    const days = (inferencesPerS: number): number =>
      profileGraph(load("kws"), loadTarget("nrf52840"), { budget: { inferencesPerS } }).batteryDays!;
    expect(days(0.1)).toBeGreaterThan(days(1));
  });

  it("renders a terminal table and one self-contained page for every kind of target", () => {
    for (const id of ["nrf52840", "pixel-6a", "host"]) {
      const report = profileGraph(load("ic"), loadTarget(id));
      expect(renderProfile(report)).toContain("within the budget");
      const html = renderHtml(report);
      expect(html).toContain("<svg");
      expect(html).not.toMatch(/(src|href)=/);
      expect(html).not.toContain("NaN");
    }
  });
});

it("every fact of every target has a source", () => {
  for (const target of TARGETS.values())
    for (const fact of Object.values(target))
      if (typeof fact === "object") expect(fact.source.length, target.id).toBeGreaterThan(20);
});
