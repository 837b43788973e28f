import { UNKNOWN_CONDITIONS } from "@mote/protocol";
import { describe, expect, it } from "vitest";
import { allowance, POWER_DEFAULTS } from "./power.js";

describe("the device's own power policy", () => {
  it.each([
    ["on UNKNOWN_CONDITIONS power", {}, 1, null],
    ["with a good battery", { batteryPercent: 15, charging: false }, 1, null],
    ["with a low battery", { batteryPercent: 14, charging: false }, 0.5, "ownLowBattery"],
    [
      "with a low battery of which nobody knows whether it charges",
      { batteryPercent: 14 },
      0.5,
      "ownLowBattery",
    ],
    ["with a low battery that charges", { batteryPercent: 3, charging: true }, 1, null],
    ["with a nearly empty battery", { batteryPercent: 4, charging: false }, 0.1, "ownLowBattery"],
    [
      "when hot, charging or not",
      { batteryPercent: 90, charging: true, temperatureC: 86 },
      0.5,
      "ownHighTemperature",
    ],
  ] as const)("%s", (_, change, rateShare, noUpdate) => {
    expect(allowance({ ...UNKNOWN_CONDITIONS, ...change }, POWER_DEFAULTS)).toEqual({ rateShare, noUpdate });
  });
});
