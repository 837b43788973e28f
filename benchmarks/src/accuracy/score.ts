import { argMax, SignalToNoise } from "@mote/toolchain/evaluate/index";

/** How well a quantized model does on one set: in points of a hundred, and as noise against the float model. */
export interface Score {
  /** Right answers where the set has labels, else answers that the float model gives too. Null where there are none. */
  readonly points: number | null;
  /** Signal of the float model's outputs over what was added to them. */
  readonly sqnrDb: number;
}

export function scoreOf(
  float: readonly Float32Array[],
  outputs: readonly Float32Array[],
  labels: Int32Array | undefined,
  isClassifier: boolean,
): Score {
  const noise = new SignalToNoise();
  let right = 0;
  for (const [i, output] of outputs.entries()) {
    noise.add(float[i]!, output);
    if (argMax(output) === (labels?.[i] ?? argMax(float[i]!))) right += 1;
  }
  return { points: isClassifier ? (100 * right) / outputs.length : null, sqnrDb: noise.decibels };
}

export interface Paired {
  readonly mean: number;
  /** Half of the 95 % interval of the mean. */
  readonly halfInterval: number;
}

/** Student's t, 95 %, two-sided, by degrees of freedom. */
const STUDENT_T = [Number.NaN, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447] as const;

/** Mean of the differences with half of its 95 % interval. */
export function paired(differences: readonly number[]): Paired | null {
  const t = STUDENT_T[differences.length - 1];
  if (t === undefined || Number.isNaN(t)) return null;
  const mean = differences.reduce((sum, d) => sum + d, 0) / differences.length;
  const variance = differences.reduce((sum, d) => sum + (d - mean) ** 2, 0) / (differences.length - 1);
  return { mean, halfInterval: t * Math.sqrt(variance / differences.length) };
}

/** Better or worse only where the interval leaves no doubt. */
export function verdict(difference: Paired | null): "better" | "worse" | "no difference" | "-" {
  if (difference === null) return "-";
  const { mean, halfInterval } = difference;
  if (Math.abs(mean) <= halfInterval || mean === 0) return "no difference";
  return mean > 0 ? "better" : "worse";
}
