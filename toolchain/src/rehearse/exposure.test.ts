import { expect, test } from "vitest";
import { ExposureCount } from "./exposure.js";

test("devices count while they serve by the new release, and are remembered when they went back", () => {
  const count = new ExposureCount(2);
  const time = "2026-01-01T00:00:00.000Z";
  const serves = (device: string, sequence: number) =>
    count.take({ time, event: "serving", device, sequence });
  for (const device of ["a", "b", "c"]) serves(device, 1);
  expect(count.now).toEqual({ now: 0, ever: 0, most: 0, vanished: 0 });
  for (const device of ["a", "a", "b"]) serves(device, 2);
  serves("a", 1);
  serves("c", 2);
  count.take({ time, event: "vanished", device: "c" });
  count.take({ time, event: "fault", device: "a" });
  expect(count.now).toEqual({ now: 1, ever: 3, most: 2, vanished: 1 });
});

test("how many served at a time is told afterwards too, when they have long gone back", () => {
  const count = new ExposureCount(2);
  const start = Date.parse("2026-01-01T00:00:00.000Z");
  const serves = (afterMs: number, device: string, sequence: number) =>
    count.take({ time: new Date(start + afterMs).toISOString(), event: "serving", device, sequence });
  serves(10, "a", 2);
  serves(20, "b", 2);
  serves(30, "a", 1);
  serves(40, "b", 1);
  expect([0, 10, 25, 30, 99].map((afterMs) => count.servingAt(start + afterMs))).toEqual([0, 1, 2, 1, 0]);
});
