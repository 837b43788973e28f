import { CONFIDENCE_BINS, type TensorSpec } from "@mote/protocol";
import { describe, expect, it } from "vitest";
import { confidenceBin, judge, toCodes, toInput, toReal } from "./judgement.js";

const spec = (dtype: TensorSpec["dtype"], change: Partial<TensorSpec> = {}): TensorSpec => ({
  name: "t",
  dtype,
  shape: [1, 3],
  ...change,
});

describe("a sample on its way into the model", () => {
  it("is preprocessed as the bundle says", () => {
    const bytes = toInput(
      Float32Array.of(1, 3, 5),
      [{ kind: "normalize", mean: 1, std: 2 }],
      spec("float32"),
    );
    expect(toCodes(bytes, spec("float32"))).toEqual(Float32Array.of(0, 1, 2));
  });

  it("is quantized half away from zero and saturated", () => {
    const int8 = spec("int8", { scale: 1, zeroPoint: 0 });
    expect([...toCodes(toInput(Float32Array.of(-0.5, 2.5, 200), [], int8), int8)]).toEqual([-1, 3, 127]);
    const uint8 = spec("uint8", { scale: 0.5, zeroPoint: 10 });
    expect([...toCodes(toInput(Float32Array.of(-100, 0, 1), [], uint8), uint8)]).toEqual([0, 10, 12]);
    const int16 = spec("int16", { scale: 1, zeroPoint: 0 });
    expect([...toCodes(toInput(Float32Array.of(-40000, -2.5, 3), [], int16), int16)]).toEqual([
      -32768, -3, 3,
    ]);
  });

  it("does not change the sensor's own values", () => {
    const values = Float32Array.of(1, 2, 3);
    toInput(values, [{ kind: "normalize", mean: 1, std: 2 }], spec("float32"));
    expect(values).toEqual(Float32Array.of(1, 2, 3));
  });
});

describe("an output", () => {
  it("is read in real numbers through its scale", () => {
    const int8 = spec("int8", { scale: 1 / 256, zeroPoint: -128 });
    expect(toReal(Uint8Array.of(0x80, 0x00, 0x40), int8)).toEqual(Float32Array.of(0, 0.5, 0.75));
  });

  it("that is a distribution is taken at its word, also when quantization left it short of one", () => {
    expect(judge(Float32Array.of(0.1, 0.7, 0.19), 0)).toEqual({
      top: 1,
      confidence: expect.closeTo(0.7, 6),
      mayAct: true,
    });
  });

  it("of logits becomes a share by softmax", () => {
    const judged = judge(Float32Array.of(0, Math.log(3), 0), 0);
    expect(judged).toMatchObject({ top: 1, confidence: expect.closeTo(0.6, 6) });
  });

  it("below the safety envelope must not be acted upon", () => {
    expect(judge(Float32Array.of(0.4, 0.3, 0.3), 0.5)?.mayAct).toBe(false);
    expect(judge(Float32Array.of(0.6, 0.2, 0.2), 0.5)?.mayAct).toBe(true);
  });

  it("with no number in it is no judgement", () => {
    expect(judge(Float32Array.of(Number.NaN, 0, 1), 0)).toBeNull();
    expect(judge(Float32Array.of(Number.POSITIVE_INFINITY, 0, 1), 0)).toBeNull();
    expect(judge(new Float32Array(), 0)).toBeNull();
  });

  it("falls into a bin for every confidence from 0 to 1", () => {
    expect(confidenceBin(0)).toBe(0);
    expect(confidenceBin(0.05)).toBe(1);
    expect(confidenceBin(1)).toBe(CONFIDENCE_BINS - 1);
  });
});
