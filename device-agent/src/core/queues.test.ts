import { decodeFrame } from "@mote/protocol";
import { describe, expect, it } from "vitest";
import { withoutReports, withReport } from "./report-queue.js";
import { FRESH } from "./state.js";
import {
  EMPTY_OUTBOX,
  framePayload,
  type TelemetryOutbox,
  withFrame,
  withoutFrames,
} from "./telemetry-outbox.js";
import { TelemetryWindow } from "./window.js";

const facts = { windowMs: 1000, batteryPercent: null, temperatureC: null };
const content = new TelemetryWindow(1, false, 0, Math.random).close(facts);

function filled(frames: number, max: number): TelemetryOutbox {
  let outbox = EMPTY_OUTBOX;
  for (let i = 0; i < frames; i++) outbox = withFrame(outbox, content, max);
  return outbox;
}

describe("the telemetry queue", () => {
  it("drops the oldest frames beyond its bound, and counts them", () => {
    const outbox = filled(10, 4);
    expect(outbox.frames.map(({ sequence }) => sequence)).toEqual([7, 8, 9, 10]);
    expect(outbox.dropped).toBe(6);
  });

  it("never gives a number twice, whatever was sent or dropped", () => {
    const sent = withoutFrames(filled(3, 10), new Set([1, 2, 3]));
    expect(sent.frames).toEqual([]);
    expect(withFrame(sent, content, 10).frames[0]?.sequence).toBe(4);
  });

  it("forgets only what was acknowledged", () => {
    expect(withoutFrames(filled(3, 10), new Set([2])).frames.map(({ sequence }) => sequence)).toEqual([1, 3]);
  });

  it("holds frames as the wire wants them", () => {
    const [frame] = filled(1, 10).frames;
    expect(decodeFrame(framePayload(frame!))).toMatchObject({
      sequence: 1,
      releaseSequence: 1,
      windowMs: 1000,
    });
  });
});

describe("the report queue", () => {
  const add = (state: typeof FRESH, phase: "waiting" | "confirmed", max = 100) =>
    withReport(state, { phase, code: "ok" }, "cafe0123", 5, max);

  it("numbers reports, and keeps them until their ids are acknowledged", () => {
    const two = add(add(FRESH, "waiting"), "confirmed");
    expect(two.reports.map(({ id }) => id)).toEqual(["cafe0123-0001", "cafe0123-0002"]);
    expect(withoutReports(two, new Set(["cafe0123-0001"])).reports.map(({ phase }) => phase)).toEqual([
      "confirmed",
    ]);
  });

  it("gives up reports of the way before reports of an end", () => {
    let state = add(FRESH, "confirmed", 3);
    for (let i = 0; i < 5; i++) state = add(state, "waiting", 3);
    expect(state.reports.map(({ phase }) => phase)).toEqual(["confirmed", "waiting", "waiting"]);
  });

  it("cuts details to what the contract takes", () => {
    const state = withReport(
      FRESH,
      { phase: "failed", code: "internal", detail: "x".repeat(9999) },
      "cafe0123",
      0,
      9,
    );
    expect(state.reports[0]?.detail).toHaveLength(512);
  });
});
