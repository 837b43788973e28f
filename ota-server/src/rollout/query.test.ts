import type { DeviceQuery } from "@mote/protocol";
import { describe, expect, it } from "vitest";
import { areDisjoint } from "./query.js";

describe("two queries", () => {
  const cases: [string, DeviceQuery, DeviceQuery, boolean][] = [
    ["that ask for everything", {}, {}, false],
    ["for different hardware", { hardware: ["a"] }, { hardware: ["b", "c"] }, true],
    ["for hardware of which one is the same", { hardware: ["a", "b"] }, { hardware: ["b", "c"] }, false],
    ["for different values of one tag", { tags: { site: "north" } }, { tags: { site: "south" } }, true],
    ["for the same value of one tag", { tags: { site: "north" } }, { tags: { site: "north" } }, false],
    ["for different tags", { tags: { site: "north" } }, { tags: { line: "7" } }, false],
    ["for other devices by name", { deviceIds: ["cam-1"] }, { deviceIds: ["cam-2"] }, true],
    ["of which one is open", { hardware: ["a"] }, {}, false],
  ];
  it.each(cases)("%s", (_, a, b, disjoint) => {
    expect(areDisjoint(a, b)).toBe(disjoint);
    expect(areDisjoint(b, a)).toBe(disjoint);
  });
});
