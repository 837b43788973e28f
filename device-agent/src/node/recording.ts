import { readFile } from "node:fs/promises";
import { whatCame } from "@mote/protocol";
import type { Sample, Sensor } from "../core/ports.js";
import { SensorError } from "../errors.js";
import { type NpyArray, readNpy, readNpz } from "./npy.js";

/** A recording in the place of a sensor: its samples come one after the other, again and again. */
export interface Recording {
  readonly count: number;
  /** Values of one sample. */
  readonly sampleLength: number;
  /** @param start index of the first sample. */
  sensor(start: number): Sensor;
}

/**
 * Reads FILE.npz ("x" [N, ...] and, where the truth is known, "y" [N]) or FILE.npy ([N, ...]).
 *
 * @throws SensorError
 */
export async function openRecording(path: string): Promise<Recording> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw bad(`a recording at ${path}`, whatCame(cause), cause);
  });
  const arrays = path.endsWith(".npz") ? readNpz(bytes, path) : new Map([["x", readNpy(bytes, path)]]);
  const x = arrays.get("x");
  if (x === undefined) throw bad(`an array "x" in ${path}`, [...arrays.keys()].join(", ") || "none");
  const [count = 0, ...rest] = x.shape;
  const sampleLength = rest.reduce((product, dim) => product * dim, 1);
  if (count === 0 || sampleLength === 0) throw bad(`samples in ${path}`, `shape [${x.shape}]`);
  const labels = labelsOf(arrays.get("y"), count, path);
  return {
    count,
    sampleLength,
    sensor(start) {
      let at = start % count;
      return {
        async next(): Promise<Sample> {
          const values = x.values.subarray(at * sampleLength, (at + 1) * sampleLength);
          const label = labels === null ? null : labels[at]!;
          at = (at + 1) % count;
          return { values, label };
        },
      };
    },
  };
}

function labelsOf(y: NpyArray | undefined, count: number, path: string): Float32Array | null {
  if (y === undefined) return null;
  if (y.shape.length === 1 && y.shape[0] === count) return y.values;
  throw bad(`"y" of shape [${count}] in ${path}`, `[${y.shape}]`);
}

function bad(expected: string, got: string, cause?: unknown): SensorError {
  return new SensorError({
    expected,
    got,
    todo: "Name a .npz or .npy file of samples with --sensor.",
    cause,
  });
}
