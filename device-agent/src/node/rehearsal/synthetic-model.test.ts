import {
  type Fault,
  SYNTHETIC_GOLDEN,
  type SyntheticModel,
  syntheticAnswer,
  type TensorSpec,
} from "@mote/protocol";
import { describe, expect, test } from "vitest";
import { judge, toInput } from "../../core/judgement.js";
import { chanceFrom } from "./chance.js";
import { syntheticEngine, syntheticSensor } from "./synthetic-model.js";

const model: SyntheticModel = {
  schema: "mote.synthetic-model/1",
  sequence: 2,
  classes: 10,
  confidence: 0.8,
  accuracy: 0.9,
  errorRate: 0,
  latencyUs: 1000,
};
const input: TensorSpec = { name: "x", dtype: "float32", shape: [1, 2] };
const output: TensorSpec = { name: "y", dtype: "float32", shape: [1, 10] };

async function open(change: Partial<SyntheticModel> = {}, fault: Fault | null = null) {
  const bytes = new TextEncoder().encode(JSON.stringify({ ...model, ...change }));
  const engine = syntheticEngine({ chance: chanceFrom(7), fault, candidateSequence: 2 });
  return engine.open({ sha256: "", input, output, read: async () => bytes });
}

const real = (bytes: Uint8Array) => new Float32Array(bytes.slice().buffer);

/** Shares over many samples. */
async function measure(change: Partial<SyntheticModel>, fault: Fault | null = null) {
  const loaded = await open(change, fault);
  const sensor = syntheticSensor(10, chanceFrom(1));
  const counts = { right: 0, labelled: 0, errors: 0, confidence: 0, runs: 0 };
  for (let i = 0; i < 4000; i++) {
    const { values, label } = await sensor.next();
    try {
      const result = await loaded.run(toInput(values, [], input));
      const { top, confidence } = judge(real(result.output), 0)!;
      counts.runs++;
      counts.confidence += confidence;
      if (label === null) continue;
      counts.labelled++;
      if (top === label) counts.right++;
    } catch {
      counts.errors++;
    }
  }
  return {
    accuracy: counts.right / counts.labelled,
    confidence: counts.confidence / counts.runs,
    errorRate: counts.errors / 4000,
  };
}

describe("a synthetic model", () => {
  test("is as good as its figures say", async () => {
    const { accuracy, confidence, errorRate } = await measure({ errorRate: 0.1 });
    // Four standard deviations of 2,000 labels.
    expect(Math.abs(accuracy - 0.9)).toBeLessThan(0.03);
    expect(Math.abs(confidence - 0.8)).toBeLessThan(0.08);
    expect(Math.abs(errorRate - 0.1)).toBeLessThan(0.02);
  });

  test("gives the golden vector's answer, unless installs are to fail there", async () => {
    const golden = toInput(Float32Array.from(SYNTHETIC_GOLDEN), [], input);
    const wanted = syntheticAnswer(10, 0, 0.8);
    expect(real((await (await open()).run(golden)).output)).toEqual(wanted);
    expect(real((await (await open({}, "install")).run(golden)).output)).not.toEqual(wanted);
    // The release before is not struck: a device can go back to it.
    expect(real((await (await open({ sequence: 1 }, "install")).run(golden)).output)).toEqual(wanted);
  });

  test("fails half of the time on a device that is to be sick of it", async () => {
    expect((await measure({}, "errors")).errorRate).toBeGreaterThan(0.45);
    expect((await measure({ sequence: 1 }, "errors")).errorRate).toBe(0);
  });

  test("errs where a better one of the same task errs, and elsewhere too", async () => {
    const [better, worse] = [await open(), await open({ accuracy: 0.7 })];
    const sensor = syntheticSensor(10, chanceFrom(3));
    let [bothErr, betterErrs] = [0, 0];
    for (let i = 0; i < 500; i++) {
      const { values } = await sensor.next();
      const topOf = async (loaded: typeof better) =>
        judge(real((await loaded.run(toInput(values, [], input))).output), 0)!.top;
      if ((await topOf(better)) === values[0]) continue;
      betterErrs++;
      if ((await topOf(worse)) !== values[0]) bothErr++;
    }
    expect(bothErr).toBe(betterErrs);
  });

  test("that is none is refused", async () => {
    await expect(open({ classes: 1 })).rejects.toThrow(/synthetic model/);
  });
});
