import type { CalibrationMethod } from "./methods.js";
import type { Range } from "./range.js";

/** Sees the values of one tensor sample by sample, in bounded memory, and says what range to represent. */
export interface Observer {
  /** Returns false where a value is not finite. */
  observe(values: Float32Array): boolean;
  range(method: CalibrationMethod): Range;
}

/** All that the min-max method needs, and the fastest. */
export class MinMaxObserver implements Observer {
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;

  observe(values: Float32Array): boolean {
    let min = this.#min;
    let max = this.#max;
    // NaN passes every comparison by; a sum does not let it.
    let sum = 0;
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      if (value < min) min = value;
      if (value > max) max = value;
      sum += value;
    }
    this.#min = min;
    this.#max = max;
    return Number.isFinite(sum);
  }

  range(): Range {
    return { min: this.#min, max: this.#max };
  }
}
