/** Two-sided 95 % quantiles of Student's t by degrees of freedom 1 … 30; beyond that the normal one. */
const T95 = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131,
  2.12, 2.11, 2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
] as const;

export interface Mean {
  readonly mean: number;
  /** Half the width of the 95 % interval; null for a single value. */
  readonly interval: number | null;
  readonly values: readonly number[];
}

/** Of paired differences, or of anything else that is drawn once a seed. */
export function meanOf(values: readonly number[]): Mean {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  if (values.length < 2) return { mean, interval: null, values };
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  const interval = (T95[values.length - 2] ?? 1.96) * Math.sqrt(variance / values.length);
  return { mean, interval, values };
}

/** By least squares against 0, 1, 2 …; three values at least. */
export function slopeOf(values: readonly number[]): Mean {
  const { mean } = meanOf(values);
  const middle = (values.length - 1) / 2;
  const spread = values.reduce((sum, _, i) => sum + (i - middle) ** 2, 0);
  const slope = values.reduce((sum, value, i) => sum + (i - middle) * (value - mean), 0) / spread;
  const rest = values.reduce((sum, value, i) => sum + (value - mean - slope * (i - middle)) ** 2, 0);
  const interval = T95[values.length - 3]! * Math.sqrt(rest / (values.length - 2) / spread);
  return { mean: slope, interval, values };
}

export function showMean({ mean, interval }: Mean, digits: number): string {
  return `${mean.toFixed(digits)}${interval === null ? "" : ` ± ${interval.toFixed(digits)}`}`;
}
