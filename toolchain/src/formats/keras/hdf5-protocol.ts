/** What goes between the reader and the thread in which the HDF5 library runs. */

export interface Hdf5Request {
  readonly id: number;
  readonly bytes: Uint8Array;
}

export type Hdf5Answer =
  | { readonly id: number; readonly file: Hdf5File }
  /** `isBroken`: the library can't be trusted any more, and the thread ends. */
  | { readonly id: number; readonly error: string; readonly isBroken: boolean };

export interface Hdf5Dataset {
  readonly shape: readonly number[];
  /** Row-major. What is no number of 16, 32 or 64 bits comes as its type's name. */
  readonly data: Float32Array | string;
}

/** All of a Keras file that bears on inference. Paths are relative to the root, without a leading "/". */
export interface Hdf5File {
  /** Text attributes that Keras writes, by the path of their group ("" is the root), then by name. */
  readonly attributes: ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>;
  readonly datasets: ReadonlyMap<string, Hdf5Dataset>;
}

export const HDF5_LIMITS = {
  /** The library is given so long for one file, and more for each MiB: a damaged one can send it round in circles. */
  timeoutMs: 8_000,
  timeoutMsPerMib: 500,
  /** Groups inside groups. Keras nests three per model inside a model. */
  depth: 64,
  objects: 100_000,
  /** Weights compress badly: data that claim to be more than so many times the file, and this much, are no weights. */
  expansion: 64,
  slackBytes: 1 << 20,
} as const;
