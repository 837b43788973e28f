import type { RolloutView } from "@mote/protocol";
import { expect, test } from "vitest";
import type { Known } from "./alerts.js";
import { firstStepsOf } from "./firstSteps.js";

const trust = (mode: "none" | "offline" | "server") => ({ mode, roles: [], floors: {}, warnings: [] });
const known = (mode: "none" | "offline" | "server", releases: object[] = []): Known => ({
  rollouts: [],
  releases: releases as unknown as Known["releases"],
  trust: trust(mode),
  ready: null,
});
const open = (...args: Parameters<typeof firstStepsOf>) =>
  firstStepsOf(...args)
    .filter(({ isDone }) => !isDone)
    .map(({ name }) => name);

test("a new server lacks keys, a release, devices and a rollout, in that order", () => {
  const all = [
    "Make the keys that devices will trust",
    "Publish a release",
    "Let devices in",
    "Start a rollout",
  ];
  expect(open(known("none"), { devices: 0 }, [])).toEqual(all);
  expect(open(known("server"), { devices: 0 }, [])).toEqual(all.slice(1));
  const released = known("server", [{ product: "reader" }]);
  expect(open(released, { devices: 0 }, [])).toEqual(all.slice(2));
  expect(open(released, { devices: 3 }, [])).toEqual(all.slice(3));
  expect(open(released, { devices: 3 }, [{} as RolloutView])).toEqual([]);
});

test("the commands name the product that there is, and a signature only where people sign", () => {
  const [, publish, devices] = firstStepsOf(known("offline", [{ product: "reader" }]), { devices: 0 }, []);
  expect(devices!.how).toContain("mote fleet tokens -p reader");
  expect(publish!.how).toContain("mote sign");
  expect(firstStepsOf(known("server"), { devices: 0 }, [])[1]!.how).not.toContain("mote sign");
});
