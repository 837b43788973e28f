/** How well predicted class indices match the true ones. */
export interface Classification {
  readonly samples: number;
  readonly accuracy: number;
  /** rows: true class, columns: predicted class. */
  readonly confusion: readonly (readonly number[])[];
  readonly perClass: Readonly<Record<string, ClassScore>>;
}

export interface ClassScore {
  readonly samples: number;
  /** Share of the class's samples that were found; null where there are none. */
  readonly recall: number | null;
  /** Share of the predictions of this class that were right; null where there are none. */
  readonly precision: number | null;
}

/** Index of the greatest value; the first of equals, as argMax on a device does. */
export function argMax(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

/** The class that outputs stand for; a single output is the probability of class 1, as a sigmoid gives it. */
export function decide(outputs: ArrayLike<number>): number {
  return outputs.length === 1 ? Number(outputs[0]! > 0.5) : argMax(outputs);
}

export function classify(
  truth: ArrayLike<number>,
  predicted: ArrayLike<number>,
  classes: number,
  classNames: readonly string[] = [],
): Classification {
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  let right = 0;
  for (let i = 0; i < truth.length; i++) {
    confusion[truth[i]!]![predicted[i]!]! += 1;
    if (truth[i] === predicted[i]) right++;
  }
  const perClass: Record<string, ClassScore> = {};
  for (let c = 0; c < classes; c++) {
    const samples = confusion[c]!.reduce((sum, n) => sum + n, 0);
    const claimed = confusion.reduce((sum, row) => sum + row[c]!, 0);
    perClass[classNames[c] ?? String(c)] = {
      samples,
      recall: samples === 0 ? null : confusion[c]![c]! / samples,
      precision: claimed === 0 ? null : confusion[c]![c]! / claimed,
    };
  }
  return {
    samples: truth.length,
    accuracy: truth.length === 0 ? 0 : right / truth.length,
    confusion,
    perClass,
  };
}

/** Share of samples on which two models say the same. */
export function agreement(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let same = 0;
  for (let i = 0; i < a.length; i++) if (a[i] === b[i]) same++;
  return a.length === 0 ? 0 : same / a.length;
}

/** Signal over error power, streamed. */
export class SignalToNoise {
  #signal = 0;
  #noise = 0;
  #greatest = 0;

  add(reference: ArrayLike<number>, actual: ArrayLike<number>): void {
    for (let i = 0; i < reference.length; i++) {
      const error = actual[i]! - reference[i]!;
      this.#signal += reference[i]! * reference[i]!;
      this.#noise += error * error;
      this.#greatest = Math.max(this.#greatest, Math.abs(error));
    }
  }

  /** In dB; Infinity where the two are equal. */
  get decibels(): number {
    return this.#noise === 0 ? Number.POSITIVE_INFINITY : 10 * Math.log10(this.#signal / this.#noise);
  }

  /** Sum of squared errors. */
  get noisePower(): number {
    return this.#noise;
  }

  get greatestError(): number {
    return this.#greatest;
  }
}

/** A channel whose gain is further from 1 than this was rescaled on purpose, not by rounding. */
const GAIN_TOLERANCE = 0.05;

/**
 * Signal over error power of a tensor, channel by channel (last axis). Equalization divides a channel by a factor that
 * the next layer takes back: where a channel's gain shows that, it is taken out before the error is measured.
 */
export class ChannelSignalToNoise {
  readonly #xx: Float64Array;
  readonly #xy: Float64Array;
  readonly #yy: Float64Array;
  #greatest = 0;

  constructor(readonly channels: number) {
    this.#xx = new Float64Array(channels);
    this.#xy = new Float64Array(channels);
    this.#yy = new Float64Array(channels);
  }

  add(reference: ArrayLike<number>, actual: ArrayLike<number>): void {
    for (let i = 0; i < reference.length; i++) {
      const [x, y] = [reference[i]!, actual[i]!];
      const channel = i % this.channels;
      this.#xx[channel]! += x * x;
      this.#xy[channel]! += x * y;
      this.#yy[channel]! += y * y;
      this.#greatest = Math.max(this.#greatest, Math.abs(x - y));
    }
  }

  get decibels(): number {
    let [signal, noise] = [0, 0];
    for (let c = 0; c < this.channels; c++) {
      const gain = this.#gain(c);
      signal += this.#xx[c]!;
      noise += Math.max(0, this.#xx[c]! - (2 * this.#xy[c]!) / gain + this.#yy[c]! / gain ** 2);
    }
    return noise === 0 ? Number.POSITIVE_INFINITY : 10 * Math.log10(signal / noise);
  }

  get isRescaled(): boolean {
    return this.#xx.some((_, channel) => this.#gain(channel) !== 1);
  }

  get greatestError(): number {
    return this.#greatest;
  }

  #gain(channel: number): number {
    const gain = this.#xy[channel]! / this.#xx[channel]!;
    return gain > 0 && Math.abs(gain - 1) > GAIN_TOLERANCE ? gain : 1;
  }
}
