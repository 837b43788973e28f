import { CONFIDENCE_BINS } from "@mote/protocol";

/** What a histogram of confidences comes to, in columns that a database can add up: `sum / count` is the mean. */
export function confidenceOf(bins: readonly number[]): { count: number; sum: number } {
  let count = 0;
  let sum = 0;
  bins.forEach((n, bin) => {
    count += n;
    sum += n * ((bin + 0.5) / CONFIDENCE_BINS);
  });
  return { count, sum };
}
