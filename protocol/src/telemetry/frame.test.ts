import { expect, test } from "vitest";
import { SchemaError } from "../errors.js";
import { CONFIDENCE_BINS, decodeFrame, encodeFrame, type TelemetryFrame } from "./frame.js";

const frame: TelemetryFrame = {
  sequence: 7,
  windowStartMs: 1_795_000_000_000,
  windowMs: 60_000,
  releaseSequence: 2,
  onProbation: false,
  inferences: 30,
  errors: 1,
  abstained: 2,
  latencyUs: { mean: 900, p95: 1200, max: 2000 },
  energyUj: 0,
  confidence: Array.from({ length: CONFIDENCE_BINS }, (_, i) => (i === 18 ? 29 : 0)),
  outputs: [10, 19],
  probes: { seen: 3, correct: 2 },
  batteryPercent: 80,
  temperatureC: null,
};

test("a frame comes back as it was sent, with what a shadow agreed on or without", () => {
  expect(decodeFrame(encodeFrame(frame))).toEqual(frame);
  expect(decodeFrame(encodeFrame({ ...frame, shadow: null }))).toEqual(frame);
  const shadow = { ...frame, shadow: { compared: 29, agreed: 28 } };
  expect(decodeFrame(encodeFrame(shadow))).toEqual(shadow);
});

test("a shadow that agrees more often than it was compared, or was compared more often than it ran, is refused", () => {
  for (const shadow of [
    { compared: 20, agreed: 21 },
    { compared: 31, agreed: 1 },
  ])
    expect(() => decodeFrame(encodeFrame({ ...frame, shadow }))).toThrow(SchemaError);
});
