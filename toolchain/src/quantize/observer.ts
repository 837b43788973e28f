import type { Range } from "./range.js";

/** Sees the values of one tensor sample by sample, in bounded memory, and says what range to represent. */
export interface Observer {
  observe(values: ArrayLike<number>): void;
  range(): Range;
}

export class MinMaxObserver implements Observer {
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;

  observe(values: ArrayLike<number>): void {
    let min = this.#min;
    let max = this.#max;
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      if (value < min) min = value;
      if (value > max) max = value;
    }
    this.#min = min;
    this.#max = max;
  }

  range(): Range {
    return { min: this.#min, max: this.#max };
  }
}
