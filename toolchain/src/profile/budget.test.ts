import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { BudgetError } from "../errors.js";
import { parseBudget } from "./budget.js";

describe("parseBudget", () => {
  it("reads every unit to its base", () => {
    const text = [
      "ram: 64 KiB",
      "flash: 0.25 MiB",
      "latency: 50 ms",
      "energy: 500 uJ",
      "averagePower: 0.3 mW",
      "dutyCycle: 120 / min",
      "accuracy: 0.97",
      "battery: 100 mAh",
    ].join("\n");
    expect(parseBudget(text, "b.yaml")).toEqual({
      ramBytes: 65_536,
      flashBytes: 262_144,
      latencyUs: 50_000,
      energyUj: 500,
      averagePowerUw: 300,
      inferencesPerS: 2,
      accuracy: 0.97,
      batteryJ: 1080,
    });
  });

  it("reads JSON, and an empty file as no limits", () => {
    expect(parseBudget('{"ram": "1 kB"}', "b.json")).toEqual({ ramBytes: 1000 });
    expect(parseBudget("", "b.yaml")).toEqual({});
  });

  it.each([
    ["ram: 64 KiB\nflahs: 1 MiB", "line 2", "the nearest is flash"],
    ["ram: 64 KiB\n\nlatency: 50", "line 3", "50"],
    ["ram: lots", "line 1", "lots"],
    ["ram: -1 KiB", "line 1", "-1 KiB"],
    ["# a budget\naccuracy: 97", "line 2", '"accuracy"'],
    ["ram: 64 KiB\n  flash: [", "line 1", "Nested"],
    ["- ram", "line 1", "(object)"],
  ])("names the line of %j", (text, line, what) => {
    const parse = () => parseBudget(text, "b.yaml");
    expect(parse).toThrow(BudgetError);
    expect(parse).toThrow(line);
    expect(parse).toThrow(what);
  });

  it("reads the budgets that come with the tool", () => {
    const folder = resolve(import.meta.dirname, "../../budgets");
    for (const name of readdirSync(folder))
      expect(
        Object.keys(parseBudget(readFileSync(resolve(folder, name), "utf8"), name)).length,
      ).toBeGreaterThan(2);
  });
});
