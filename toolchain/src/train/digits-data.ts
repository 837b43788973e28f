import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { writeNpz } from "../data/npz.js";
import { degrade } from "./degrade.js";
import { changed, type LabelledSamples, loadDigits } from "./digits.js";

/** Seeds of the degraded sets; frozen with the split. */
export const DEGRADED_SEEDS = { validation: 101, test: 102 } as const;

/** The digits as a meter's camera sees them after a year of rain. */
export function degraded(samples: LabelledSamples, seed: number): LabelledSamples {
  return changed(samples, seed, (sample, random) => degrade(sample, random));
}

/**
 * Writes the digits as data sets for `mote`: train.npz, calibration.npz (the validation digits), test.npz and
 * test-degraded.npz; x [N, 28, 28, 1] float32 0 … 1, y [N] int32. The same bytes every time.
 */
export async function exportDigits(directory: string): Promise<Record<string, string>> {
  const { train, validation, test } = await loadDigits();
  mkdirSync(directory, { recursive: true });
  const sets = {
    train,
    calibration: validation,
    test,
    "test-degraded": degraded(test, DEGRADED_SEEDS.test),
  };
  const paths: Record<string, string> = {};
  for (const [name, samples] of Object.entries(sets)) {
    const path = join(directory, `${name}.npz`);
    const size = samples.sampleShape.reduce((a, b) => a * b, 1);
    const x = new Float32Array(samples.count * size);
    for (let i = 0; i < samples.count; i++) x.set(samples.sample(i), i * size);
    writeNpz(path, {
      x: { shape: [samples.count, ...samples.sampleShape], data: x },
      y: { shape: [samples.count], data: samples.labels },
    });
    paths[name] = path;
  }
  return paths;
}
