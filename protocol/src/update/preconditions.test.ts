import { describe, expect, it } from "vitest";
import {
  type DeviceConditions,
  mergedPreconditions,
  type Preconditions,
  UNKNOWN_CONDITIONS,
  unmetPreconditions,
} from "./preconditions.js";

const fine: DeviceConditions = {
  batteryPercent: 80,
  charging: true,
  metered: false,
  link: "wifi",
  freeBytes: 1_000_000,
  temperatureC: 25,
  busy: false,
  inCriticalTask: false,
  timeZone: "Europe/Berlin",
};
/** 03:00 in Berlin, 02:00 in UTC. */
const NIGHT_MS = Date.parse("2026-11-21T02:00:00Z");
const all: Preconditions = {
  minBatteryPercent: 50,
  requireCharging: true,
  allowMetered: false,
  minFreeBytes: 1000,
  maxTemperatureC: 40,
  links: ["ethernet", "wifi"],
  minTemperatureC: 0,
  requireIdle: true,
  requireNoCriticalTask: true,
};

describe("preconditions", () => {
  const cases: [string, Preconditions, DeviceConditions, string[]][] = [
    ["nothing is wanted", {}, { ...fine, batteryPercent: 1, charging: false }, []],
    ["all hold", all, fine, []],
    ["the device knows nothing of itself", all, UNKNOWN_CONDITIONS, []],
    [
      "the battery is low",
      { minBatteryPercent: 50 },
      { ...fine, charging: false, batteryPercent: 49 },
      ["minBatteryPercent"],
    ],
    [
      "the battery is exactly enough",
      { minBatteryPercent: 50 },
      { ...fine, charging: false, batteryPercent: 50 },
      [],
    ],
    ["the battery is low but charging", { minBatteryPercent: 50 }, { ...fine, batteryPercent: 3 }, []],
    ["it does not charge", { requireCharging: true }, { ...fine, charging: false }, ["requireCharging"]],
    ["the link is metered", { allowMetered: false }, { ...fine, metered: true }, ["allowMetered"]],
    ["metered links are allowed", { allowMetered: true }, { ...fine, metered: true }, []],
    ["the disk is nearly full", { minFreeBytes: 1000 }, { ...fine, freeBytes: 999 }, ["minFreeBytes"]],
    ["it is hot", { maxTemperatureC: 40 }, { ...fine, temperatureC: 40.5 }, ["maxTemperatureC"]],
    ["it is cold", { minTemperatureC: 0 }, { ...fine, temperatureC: -5 }, ["minTemperatureC"]],
    ["the link is none of those wanted", { links: ["ethernet"] }, { ...fine, link: "cellular" }, ["links"]],
    [
      "it must not be interrupted",
      { requireNoCriticalTask: true },
      { ...fine, inCriticalTask: true },
      ["requireNoCriticalTask"],
    ],
    ["a task that nobody asked about is critical", {}, { ...fine, inCriticalTask: true }, []],
    ["its window is open", { windows: [{ from: "03:00", to: "04:00" }] }, fine, []],
    ["its window is closed", { windows: [{ from: "02:00", to: "03:00" }] }, fine, ["windows"]],
    [
      "it does not know its zone and the plan does",
      { windows: [{ from: "02:00", to: "03:00" }], timeZone: "Europe/London" },
      { ...fine, timeZone: null },
      [],
    ],
    [
      "nobody knows its zone",
      { windows: [{ from: "03:00", to: "04:00" }] },
      { ...fine, timeZone: null },
      ["windows"],
    ],
    [
      "its tables don't know its zone",
      { windows: [{ from: "02:00", to: "03:00" }] },
      { ...fine, timeZone: "Mars/Olympus" },
      [],
    ],
    ["it is busy", { requireIdle: true }, { ...fine, busy: true }, ["requireIdle"]],
    [
      "several fail",
      all,
      {
        ...fine,
        batteryPercent: 1,
        charging: false,
        metered: true,
        link: "lpwan",
        freeBytes: 0,
        temperatureC: 90,
        busy: true,
        inCriticalTask: true,
      },
      [
        "minBatteryPercent",
        "requireCharging",
        "allowMetered",
        "links",
        "minFreeBytes",
        "maxTemperatureC",
        "requireIdle",
        "requireNoCriticalTask",
      ],
    ],
  ];
  it.each(cases)("when %s", (_, wanted, now, unmet) => {
    expect(unmetPreconditions(wanted, now, NIGHT_MS)).toEqual(unmet);
  });

  it("keep a device without a clock out of windows, and of nothing else", () => {
    const windows = [{ from: "00:00", to: "00:00" }];
    expect(unmetPreconditions({ ...all, windows }, fine, null)).toEqual(["windows"]);
  });

  it("of a wave win over those of its rollout", () => {
    const merged = mergedPreconditions(
      { minBatteryPercent: 30, requireIdle: true },
      { minBatteryPercent: 60 },
    );
    expect(merged).toEqual({ minBatteryPercent: 60, requireIdle: true });
    expect(mergedPreconditions({ requireIdle: true }, undefined)).toEqual({ requireIdle: true });
  });
});
