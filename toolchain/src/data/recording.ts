/** One decoded file: an image [H, W, C], a table [rows, columns] or a sound [samples, 1]. */
export interface Recording {
  readonly shape: readonly number[];
  readonly values: Float32Array;
  /** Whether a longer one may be cut along its first axis. */
  readonly isSequence: boolean;
}
