import { expect, test } from "vitest";
import { ExposureCount } from "./exposure.js";

test("devices count while they serve by the new release, and are remembered when they went back", () => {
  const count = new ExposureCount(2);
  const serves = (device: string, sequence: number) => count.take({ event: "serving", device, sequence });
  for (const device of ["a", "b", "c"]) serves(device, 1);
  expect(count.now).toEqual({ now: 0, ever: 0, most: 0, vanished: 0 });
  for (const device of ["a", "a", "b"]) serves(device, 2);
  serves("a", 1);
  serves("c", 2);
  count.take({ event: "vanished", device: "c" });
  count.take({ event: "fault", device: "a" });
  expect(count.now).toEqual({ now: 1, ever: 3, most: 2, vanished: 1 });
});
