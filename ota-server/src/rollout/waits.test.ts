import { UNKNOWN_CONDITIONS } from "@mote/protocol";
import { describe, expect, it } from "vitest";
import { countWaits, unmetByServer } from "./waits.js";

const NOW_MS = Date.parse("2026-11-21T12:00:00Z");
const device = (change: object = {}, timeZone: string | null = null, tags: Record<string, string> = {}) => {
  const { charging, metered, link, temperatureC, busy, inCriticalTask } = UNKNOWN_CONDITIONS;
  const conditions = { charging, metered, link, temperatureC, busy, inCriticalTask, timeZone, ...change };
  return { batteryPercent: 80, freeBytes: 1000, conditions, tags };
};

describe("what the server knows of who would wait", () => {
  it("reads the zone from what the device tells, else from its tag, else from the plan", () => {
    const night = { windows: [{ from: "20:00", to: "23:00" }], timeZone: "UTC" };
    expect(unmetByServer(night, device({}, "Asia/Tokyo"), NOW_MS)).toEqual([]);
    expect(unmetByServer(night, device({}, null, { timezone: "Asia/Tokyo" }), NOW_MS)).toEqual([]);
    expect(unmetByServer(night, device({}, "UTC", { timezone: "Asia/Tokyo" }), NOW_MS)).toEqual(["windows"]);
    expect(unmetByServer(night, device(), NOW_MS)).toEqual(["windows"]);
  });

  it("counts by reason, and says when the first window opens", () => {
    const wanted = { windows: [{ from: "20:00", to: "23:00" }], links: ["ethernet" as const] };
    const devices = [
      device({ link: "cellular" }, "UTC"),
      device({ link: "ethernet" }, "Europe/Berlin"),
      device({ link: null }, "Asia/Tokyo"),
    ];
    expect(countWaits(wanted, devices, NOW_MS)).toEqual([
      { reason: "links", devices: 1, untilMs: null },
      { reason: "windows", devices: 2, untilMs: Date.parse("2026-11-21T19:00:00Z") },
    ]);
  });
});
