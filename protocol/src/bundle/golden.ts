import { BundleFormatError } from "../errors.js";
import type { GoldenCodes, TensorSpec, Variant } from "./manifest.js";

/** Golden vectors: inputs with the outputs that a device must reproduce before an update counts. Raw tensors each. */
export interface GoldenVectors {
  readonly inputs: readonly Uint8Array[];
  readonly outputs: readonly Uint8Array[];
}

/**
 * The two blobs that they travel in: the inputs mostly stay from release to release, so a device that holds a release
 * fetches outputs alone. Either is the tensors of its spec one after another, little-endian and row-major, without any
 * header. Inputs of float32 may be stored as codes of one byte (`golden.codes` of the variant).
 */
export interface GoldenBlobs {
  readonly inputs: Uint8Array;
  readonly outputs: Uint8Array;
}

const ELEMENT_BYTES = { float32: 4, int8: 1, int16: 2, uint8: 1 } as const;
const GREATEST_CODE = 255;

export function tensorBytes(spec: TensorSpec): number {
  return spec.shape.reduce((size, dim) => size * dim, ELEMENT_BYTES[spec.dtype]);
}

/** The codes that span these values, zero among them; null where they hold none that is finite and not zero. */
export function codesFor(tensors: readonly Float32Array[]): GoldenCodes | null {
  let [least, greatest] = [0, 0];
  for (const values of tensors) {
    for (const value of values) {
      if (!Number.isFinite(value)) return null;
      least = Math.min(least, value);
      greatest = Math.max(greatest, value);
    }
  }
  const scale = (greatest - least) / GREATEST_CODE;
  if (!(scale > 0)) return null;
  return { scale, zeroPoint: Math.round(-least / scale) };
}

/** The values that the codes can tell, nearest to these. */
export function roundToCodes(values: Float32Array, codes: GoldenCodes): Float32Array {
  return values.map((value) => realOf(codeOf(value, codes), codes));
}

function codeOf(value: number, { scale, zeroPoint }: GoldenCodes): number {
  return Math.min(GREATEST_CODE, Math.max(0, Math.round(value / scale) + zeroPoint));
}

/** In double precision and rounded once, so that every device gets the same float32. */
function realOf(code: number, { scale, zeroPoint }: GoldenCodes): number {
  return Math.fround(scale * (code - zeroPoint));
}

/**
 * @param codes of float32 inputs, which must be such as `roundToCodes` gives
 * @throws BundleFormatError where a tensor has not its spec's size, or the codes can't tell a value
 */
export function encodeGolden(
  { inputs, outputs }: GoldenVectors,
  input: TensorSpec,
  output: TensorSpec,
  codes?: GoldenCodes,
): GoldenBlobs {
  if (inputs.length === 0 || inputs.length !== outputs.length) {
    throw badGolden(
      "as many outputs as inputs, at least one",
      `${inputs.length} inputs and ${outputs.length} outputs`,
    );
  }
  const whole = joined("input", inputs, input);
  return {
    inputs: codes === undefined ? whole : toCodes(whole, codes),
    outputs: joined("output", outputs, output),
  };
}

/** @throws BundleFormatError where the blobs are not those that the variant describes */
export function decodeGolden(
  blobs: GoldenBlobs,
  { input, output, golden }: Pick<Variant, "input" | "output" | "golden">,
): GoldenVectors {
  const { codes, count } = golden;
  if (codes !== undefined && input.dtype !== "float32") {
    throw badGolden("codes for inputs of float32 alone", `codes for ${input.dtype}`);
  }
  return {
    inputs: parted(
      "inputs",
      codes === undefined ? blobs.inputs : fromCodes(blobs.inputs, codes),
      input,
      count,
    ),
    outputs: parted("outputs", blobs.outputs, output, count),
  };
}

/** Of a bundle's variant. @throws BundleFormatError */
export function goldenOf(
  artifacts: ReadonlyMap<string, Uint8Array>,
  variant: Pick<Variant, "input" | "output" | "golden">,
): GoldenVectors {
  const { inputs, outputs } = variant.golden;
  return decodeGolden(
    { inputs: artifacts.get(inputs.sha256)!, outputs: artifacts.get(outputs.sha256)! },
    variant,
  );
}

function toCodes(floats: Uint8Array, codes: GoldenCodes): Uint8Array {
  const view = new DataView(floats.buffer, floats.byteOffset, floats.byteLength);
  const bytes = new Uint8Array(floats.length / ELEMENT_BYTES.float32);
  for (let i = 0; i < bytes.length; i++) {
    const value = view.getFloat32(i * ELEMENT_BYTES.float32, true);
    const code = codeOf(value, codes);
    // Written so that NaN fails; -0 may become 0.
    if (!(realOf(code, codes) === value)) throw badGolden("inputs that their codes can tell", String(value));
    bytes[i] = code;
  }
  return bytes;
}

function fromCodes(bytes: Uint8Array, codes: GoldenCodes): Uint8Array {
  const floats = new Uint8Array(bytes.length * ELEMENT_BYTES.float32);
  const view = new DataView(floats.buffer);
  bytes.forEach((code, i) => {
    view.setFloat32(i * ELEMENT_BYTES.float32, realOf(code, codes), true);
  });
  return floats;
}

function joined(name: string, tensors: readonly Uint8Array[], spec: TensorSpec): Uint8Array {
  const size = tensorBytes(spec);
  const bytes = new Uint8Array(size * tensors.length);
  tensors.forEach((tensor, i) => {
    if (tensor.length !== size)
      throw badGolden(`${name} ${i} of ${size} bytes (${spec.dtype})`, `${tensor.length}`);
    bytes.set(tensor, i * size);
  });
  return bytes;
}

function parted(name: string, bytes: Uint8Array, spec: TensorSpec, count: number): Uint8Array[] {
  const size = tensorBytes(spec);
  if (bytes.length !== size * count) {
    throw badGolden(`${count} ${name} of ${size} bytes (${spec.dtype})`, `${bytes.length} bytes`);
  }
  // Copies: the slice of a Node Buffer would share its memory.
  return Array.from({ length: count }, (_, i) => new Uint8Array(bytes.subarray(i * size, (i + 1) * size)));
}

function badGolden(expected: string, got: string): BundleFormatError {
  return new BundleFormatError({
    expected: `golden vectors: ${expected}`,
    got,
    todo: "Make the bundle again with `mote bundle create --golden-data`.",
  });
}
