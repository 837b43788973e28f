import { describe, expect, it } from "vitest";
import { isInWindow, isTimeZone, localTime, type MaintenanceWindow, nextOpening } from "./windows.js";

const at = (iso: string) => Date.parse(iso);
const isOpen = (windows: MaintenanceWindow[], zone: string, iso: string) =>
  isInWindow(windows, localTime(at(iso), zone)!);
const NIGHT: MaintenanceWindow[] = [{ from: "22:00", to: "05:00" }];
const HOUR_MS = 3_600_000;

describe("maintenance windows", () => {
  it("are read in the device's zone, not the server's", () => {
    const early: MaintenanceWindow[] = [{ from: "02:00", to: "04:00" }];
    expect(isOpen(early, "Europe/Berlin", "2026-11-21T01:30:00Z")).toBe(true);
    expect(isOpen(early, "America/New_York", "2026-11-21T01:30:00Z")).toBe(false);
    expect(isOpen(early, "Asia/Kolkata", "2026-11-20T20:30:00Z")).toBe(true);
    expect(isOpen(early, "Pacific/Kiritimati", "2026-11-20T12:30:00Z")).toBe(true);
  });

  it("include their first minute and leave out their last", () => {
    const noon: MaintenanceWindow[] = [{ from: "12:00", to: "12:30" }];
    expect(isOpen(noon, "UTC", "2026-11-21T12:00:00Z")).toBe(true);
    expect(isOpen(noon, "UTC", "2026-11-21T12:29:59Z")).toBe(true);
    expect(isOpen(noon, "UTC", "2026-11-21T12:30:00Z")).toBe(false);
  });

  it("cross midnight, and belong to the day on which they begin", () => {
    const saturday: MaintenanceWindow[] = [{ ...NIGHT[0]!, days: ["sat"] }];
    expect(isOpen(saturday, "UTC", "2026-11-21T23:00:00Z")).toBe(true);
    expect(isOpen(saturday, "UTC", "2026-11-22T04:59:00Z")).toBe(true);
    expect(isOpen(saturday, "UTC", "2026-11-21T04:00:00Z")).toBe(false);
    expect(isOpen(saturday, "UTC", "2026-11-22T23:00:00Z")).toBe(false);
  });

  it("last a whole day when both ends are the same", () => {
    expect(isOpen([{ from: "06:00", to: "06:00", days: ["mon"] }], "UTC", "2026-11-24T05:00:00Z")).toBe(true);
  });

  it("follow the clock on the wall when it goes forward: an hour that is not there opens nothing", () => {
    // Berlin, 29 March 2026: 01:59 CET is followed by 03:00 CEST.
    const lost: MaintenanceWindow[] = [{ from: "02:00", to: "03:00" }];
    const minutes = Array.from({ length: 1440 }, (_, i) => at("2026-03-28T23:00:00Z") + i * 60_000);
    expect(minutes.filter((ms) => isInWindow(lost, localTime(ms, "Europe/Berlin")!))).toEqual([]);
    expect(isOpen([{ from: "01:30", to: "03:30" }], "Europe/Berlin", "2026-03-29T01:15:00Z")).toBe(true);
  });

  it("follow the clock on the wall when it goes back: a repeated hour counts twice", () => {
    // Berlin, 25 October 2026: 02:59 CEST is followed by 02:00 CET.
    const repeated: MaintenanceWindow[] = [{ from: "02:00", to: "03:00" }];
    const minutes = Array.from({ length: 1500 }, (_, i) => at("2026-10-24T22:00:00Z") + i * 60_000);
    expect(minutes.filter((ms) => isInWindow(repeated, localTime(ms, "Europe/Berlin")!))).toHaveLength(120);
  });

  it("shift by an hour of UTC between summer and winter", () => {
    const open = (day: string) => nextOpening(NIGHT, "Europe/Berlin", at(`${day}T12:00:00Z`));
    expect(open("2026-07-01")).toBe(at("2026-07-01T20:00:00Z"));
    expect(open("2026-12-01")).toBe(at("2026-12-01T21:00:00Z"));
  });

  it("say when they open next: now, tonight, next week, or never", () => {
    const now = at("2026-11-21T23:00:00Z");
    expect(nextOpening(NIGHT, "UTC", now)).toBe(now);
    expect(nextOpening([{ from: "22:00", to: "23:00", days: ["fri"] }], "UTC", now)).toBe(
      at("2026-11-27T22:00:00Z"),
    );
    // In a zone without half hours, a window that opens on the full hour opens on it.
    expect(nextOpening([{ from: "09:00", to: "10:00" }], "Asia/Kolkata", now)).toBe(now + 4.5 * HOUR_MS);
    expect(nextOpening(NIGHT, "Mars/Olympus", now)).toBeNull();
  });

  it("know which zones there are", () => {
    expect(["UTC", "Europe/Berlin", "America/Argentina/Ushuaia"].every(isTimeZone)).toBe(true);
    expect(isTimeZone("Europe/Atlantis")).toBe(false);
  });
});
