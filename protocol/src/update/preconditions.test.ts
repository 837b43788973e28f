import { describe, expect, it } from "vitest";
import { type DeviceConditions, type Preconditions, unmetPreconditions } from "./preconditions.js";

const fine: DeviceConditions = {
  batteryPercent: 80,
  charging: true,
  metered: false,
  freeBytes: 1_000_000,
  temperatureC: 25,
  busy: false,
};
const unknown: DeviceConditions = {
  batteryPercent: null,
  charging: null,
  metered: null,
  freeBytes: null,
  temperatureC: null,
  busy: false,
};
const all: Preconditions = {
  minBatteryPercent: 50,
  requireCharging: true,
  allowMetered: false,
  minFreeBytes: 1000,
  maxTemperatureC: 40,
  requireIdle: true,
};

describe("preconditions", () => {
  const cases: [string, Preconditions, DeviceConditions, string[]][] = [
    ["nothing is wanted", {}, { ...fine, batteryPercent: 1, charging: false }, []],
    ["all hold", all, fine, []],
    ["the device knows nothing of itself", all, unknown, []],
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
    ["it is busy", { requireIdle: true }, { ...fine, busy: true }, ["requireIdle"]],
    [
      "several fail",
      all,
      { batteryPercent: 1, charging: false, metered: true, freeBytes: 0, temperatureC: 90, busy: true },
      [
        "minBatteryPercent",
        "requireCharging",
        "allowMetered",
        "minFreeBytes",
        "maxTemperatureC",
        "requireIdle",
      ],
    ],
  ];
  it.each(cases)("when %s", (_, wanted, now, unmet) => {
    expect(unmetPreconditions(wanted, now)).toEqual(unmet);
  });
});
