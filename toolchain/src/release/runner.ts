import type { TensorSpec } from "@mote/protocol";

/** A variant's model as the bundle's maker runs it: the same bytes in and out as on the device. */
export interface Runner {
  readonly input: TensorSpec;
  readonly output: TensorSpec;
  /** Bytes that the device needs while it runs, as far as they are known beforehand. */
  readonly ramBytes: number;
  /** @param sample real values, row-major as the data set has them. @returns raw little-endian tensors */
  run(sample: Float32Array): Promise<{ input: Uint8Array; output: Uint8Array; real: Float32Array }>;
  close(): Promise<void>;
}

export function rawBytes(values: Float32Array | Int8Array | Uint8Array | Int16Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength).slice();
}
