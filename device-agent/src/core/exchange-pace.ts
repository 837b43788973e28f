export const PACE_LIMITS = {
  /** Bytes of a chunk: at first, and at least and at most. */
  firstChunkBytes: 4 * 1024,
  minChunkBytes: 1024,
  maxChunkBytes: 16 * 1024,
  /** Chunks that are asked for and have not come, at most. */
  maxWindow: 8,
} as const;

/**
 * How much of a download may be under way: quickly more while all goes well, half when something is lost. A link of a few
 * hundred bytes a second must not have a hundred kilobytes queued before it, all of which are then asked for again.
 */
export class ExchangePace {
  #window = 1;
  #chunkBytes: number = PACE_LIMITS.firstChunkBytes;

  /** Chunks under way at once. */
  get window(): number {
    return this.#window;
  }

  get chunkBytes(): number {
    return this.#chunkBytes;
  }

  arrived(): void {
    this.#window = Math.min(PACE_LIMITS.maxWindow, this.#window + 1);
    this.#chunkBytes = Math.min(PACE_LIMITS.maxChunkBytes, this.#chunkBytes * 2);
  }

  lost(): void {
    this.#window = Math.max(1, this.#window >> 1);
    this.#chunkBytes = Math.max(PACE_LIMITS.minChunkBytes, this.#chunkBytes >> 1);
  }
}
