import { decode, encode } from "cborg";
import { BundleFormatError } from "../errors.js";
import type { TensorSpec } from "./manifest.js";

/**
 * Golden vectors: inputs with the outputs that a device must reproduce before an update counts. Deterministic CBOR
 * `{"inputs": [bytes], "outputs": [bytes]}`; each element is one tensor of the variant's spec, raw little-endian,
 * row-major.
 */
export interface GoldenVectors {
  readonly inputs: readonly Uint8Array[];
  readonly outputs: readonly Uint8Array[];
}

const ELEMENT_BYTES = { float32: 4, int8: 1, int16: 2, uint8: 1 } as const;

export function tensorBytes(spec: TensorSpec): number {
  return spec.shape.reduce((size, dim) => size * dim, ELEMENT_BYTES[spec.dtype]);
}

/** @throws BundleFormatError where a tensor has not its spec's size */
export function encodeGolden(vectors: GoldenVectors, input: TensorSpec, output: TensorSpec): Uint8Array {
  checkVectors(vectors, input, output);
  return encode({ inputs: [...vectors.inputs], outputs: [...vectors.outputs] });
}

/** @throws BundleFormatError */
export function decodeGolden(bytes: Uint8Array, input: TensorSpec, output: TensorSpec): GoldenVectors {
  let value: unknown;
  try {
    value = decode(bytes, { strict: true, allowIndefinite: false, rejectDuplicateMapKeys: true });
  } catch (cause) {
    throw badGolden("deterministic CBOR", cause instanceof Error ? cause.message : String(cause), cause);
  }
  if (!isVectors(value)) throw badGolden("a map of inputs and outputs", "another structure");
  checkVectors(value, input, output);
  return value;
}

function isVectors(value: unknown): value is GoldenVectors {
  if (typeof value !== "object" || value === null) return false;
  const { inputs, outputs } = value as Record<string, unknown>;
  const isTensors = (list: unknown) =>
    Array.isArray(list) && list.every((item) => item instanceof Uint8Array);
  return Object.keys(value).length === 2 && isTensors(inputs) && isTensors(outputs);
}

function checkVectors({ inputs, outputs }: GoldenVectors, input: TensorSpec, output: TensorSpec): void {
  if (inputs.length === 0 || inputs.length !== outputs.length) {
    throw badGolden(
      "as many outputs as inputs, at least one",
      `${inputs.length} inputs and ${outputs.length} outputs`,
    );
  }
  for (const [name, tensors, spec] of [
    ["input", inputs, input],
    ["output", outputs, output],
  ] as const) {
    const size = tensorBytes(spec);
    const odd = tensors.findIndex((bytes) => bytes.length !== size);
    if (odd >= 0)
      throw badGolden(`${name} ${odd} of ${size} bytes (${spec.dtype})`, `${tensors[odd]!.length}`);
  }
}

function badGolden(expected: string, got: string, cause?: unknown): BundleFormatError {
  return new BundleFormatError({
    expected: `golden vectors: ${expected}`,
    got,
    todo: "Make the bundle again with `mote bundle create --golden-data`.",
    cause,
  });
}
