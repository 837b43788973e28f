import { expect, test } from "vitest";
import { SchemaError } from "../errors.js";
import { decodeFrame, encodeFrame } from "./frame.js";
import { exampleFrame as frame } from "./telemetry.example.js";

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
