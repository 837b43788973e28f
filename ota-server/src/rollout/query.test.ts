import type { DeviceQuery } from "@mote/protocol";
import { describe, expect, it } from "vitest";
import { areDisjoint, matches } from "./query.js";

const device = {
  id: "cam-1",
  product: "digits",
  hardware: "gateway",
  tags: { region: "north" },
  revokedAtMs: null,
  runningSequence: 1,
  agentVersion: "0.1.0",
  online: true,
  lastUpdateFailed: false,
  floor: 1,
  errorRate: 0.02,
  canShadow: true,
  canHold: true,
};

describe("a rollout's query", () => {
  const asks = (query: DeviceQuery, change: Partial<typeof device> = {}, isMember = false) =>
    matches(
      {
        plan: { product: "digits", query },
        running: query.running?.map((version) => Number(version[0])) ?? null,
        id: "r1",
      },
      { ...device, ...change },
      isMember,
    );
  const cases: [string, DeviceQuery, Partial<typeof device>][] = [
    ["the release that it runs", { running: ["1.0.0", "2.0.0"] }, { runningSequence: 3 }],
    ["the program that holds the model", { agentVersions: ["0.1.0"] }, { agentVersion: "0.2.0" }],
    ["its connection", { health: { online: true } }, { online: false }],
    ["its last update", { health: { lastUpdateFailed: false } }, { lastUpdateFailed: true }],
    ["the floor", { health: { belowFloor: false } }, { floor: 2 }],
    ["its errors", { health: { maxErrorRate: 0.05 } }, { errorRate: 0.06 }],
  ];

  it.each(cases)("asks a device for %s until it is told, and then no more", (_, query, change) => {
    expect(asks(query)).toBe(true);
    expect(asks(query, change)).toBe(false);
    expect(asks(query, change, true)).toBe(true);
  });

  it("asks a member, too, for what it is", () => {
    expect(asks({ tags: { region: "south" } }, {}, true)).toBe(false);
    expect(asks({ hardware: ["mcu"] }, {}, true)).toBe(false);
    expect(asks({ deviceIds: ["cam-2"] }, {}, true)).toBe(false);
  });
});

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
    [
      "for other releases: a device goes from one to the other",
      { running: ["1.0.0"] },
      { running: ["2.0.0"] },
      false,
    ],
    ["for other health", { health: { online: true } }, { health: { online: false } }, false],
    ["for other agents", { agentVersions: ["1"] }, { agentVersions: ["2"] }, false],
  ];
  it.each(cases)("%s", (_, a, b, disjoint) => {
    expect(areDisjoint(a, b)).toBe(disjoint);
    expect(areDisjoint(b, a)).toBe(disjoint);
  });
});
