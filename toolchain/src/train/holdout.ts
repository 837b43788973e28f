import { type Dataset, subset } from "../data/index.js";
import { Random } from "./random.js";

const SHARE = 0.1;
const MOST = 2000;

/**
 * Sets a tenth of the data aside (at most 2,000 samples), so that the accuracy after training is not measured on what
 * training saw. The seed decides which.
 */
export function holdOut(data: Dataset, seed: number): { training: Dataset; held: Dataset } {
  const order = [...new Random(seed).permutation(data.count)];
  const count = Math.min(MOST, Math.floor(data.count * SHARE));
  return { training: subset(data, order.slice(count)), held: subset(data, order.slice(0, count)) };
}
