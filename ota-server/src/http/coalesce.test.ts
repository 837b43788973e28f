import type { ServerEvent } from "@mote/protocol";
import { expect, test } from "vitest";
import { Coalescer } from "./coalesce.js";

const telemetry = (device: number): ServerEvent => ({
  type: "telemetry",
  atMs: device,
  deviceId: `cam-${device}`,
});

test("tells once what happened to one subject often", () => {
  const events = new Coalescer();
  for (let i = 0; i < 100; i++) events.add({ ...telemetry(1), atMs: i });
  expect(events.take()).toEqual([{ ...telemetry(1), atMs: 99 }]);
  expect(events.take()).toEqual([]);
});

test("tells of a hundred thousand devices in one message, and of the one rollout beside them by name", () => {
  const events = new Coalescer();
  for (let i = 0; i < 100_000; i++) events.add(telemetry(i));
  events.add({ type: "rollout", atMs: 1, rolloutId: "r1" });
  const told = events.take();
  expect(told.map(({ type, deviceId, rolloutId }) => [type, deviceId, rolloutId])).toEqual([
    ["telemetry", undefined, undefined],
    ["rollout", undefined, "r1"],
  ]);
});
