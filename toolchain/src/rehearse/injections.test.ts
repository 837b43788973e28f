import type { SyntheticModel } from "@mote/protocol";
import { describe, expect, test } from "vitest";
import { parseFault, parseWorse, strike, worsened } from "./injections.js";

const ids = Array.from({ length: 40 }, (_, i) => `device-${i}`);

describe("failures on request", () => {
  test("are a share or a number of devices", () => {
    expect(parseFault("install:5%")).toEqual({ fault: "install", share: 0.05 });
    expect(parseFault("vanish:2")).toEqual({ fault: "vanish", count: 2 });
  });

  test("that can't be read are refused with an example", () => {
    for (const text of ["install", "install:", "flood:5%", "vanish:1.5", "link:0", "link:120%"])
      expect(() => parseFault(text), text).toThrow(/--fail install:5%/);
    for (const text of ["confidence", "charm:0.1", "accuracy:2", "latency:0"])
      expect(() => parseWorse(text), text).toThrow(/--worse confidence:0.1/);
  });

  test("strike each device once at most, the first in the order", () => {
    const struck = strike(ids, [parseFault("install:5%"), parseFault("vanish:1"), parseFault("link:1%")]);
    expect([...struck]).toEqual([
      ["device-0", "install"],
      ["device-1", "install"],
      ["device-2", "vanish"],
      ["device-3", "link"],
    ]);
  });

  test("for more devices than there are, are refused", () => {
    expect(() => strike(ids, [parseFault("install:90%"), parseFault("vanish:5")])).toThrow(/4 devices left/);
  });
});

test("a release gets worse in what was asked for, and within what a share can be", () => {
  const model: SyntheticModel = {
    schema: "mote.synthetic-model/1",
    sequence: 2,
    classes: 10,
    confidence: 0.05,
    accuracy: 0.95,
    errorRate: 0,
    latencyUs: 1000,
  };
  const worse = worsened(model, [
    parseWorse("confidence:0.1"),
    parseWorse("errorRate:0.05"),
    parseWorse("latency:2"),
  ]);
  expect(worse).toEqual({ ...model, confidence: 0, errorRate: 0.05, latencyUs: 3000 });
});
