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
