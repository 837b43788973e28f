import {
  canonicalManifest,
  encodeGolden,
  MANIFEST_SCHEMA_ID,
  type Manifest,
  type TensorSpec,
  targetPath,
  toHex,
  type Variant,
} from "@mote/protocol";
import { nodeSha256 } from "@mote/protocol/node";
import { CLASSES, INPUTS, tinyModel, tinyOutput, tinySample, tinyWeights } from "./tiny-model.js";

/** Releases of the tiny model, whole and true, for tests. */

export const PRODUCT = "tiny";
export const HARDWARE = "bench";
const INPUT: TensorSpec = { name: "x", dtype: "float32", shape: [1, INPUTS] };
const OUTPUT: TensorSpec = { name: "y", dtype: "float32", shape: [1, CLASSES] };

export interface TinyRelease {
  readonly manifest: Manifest;
  readonly manifestBytes: Uint8Array;
  readonly path: string;
  readonly model: Uint8Array;
  readonly artifactSha256: string;
  /** Everything that a server serves of it, by digest. */
  readonly blobs: ReadonlyMap<string, Uint8Array>;
}

export const digestOf = (bytes: Uint8Array) => toHex(nodeSha256(bytes));
const refOf = (bytes: Uint8Array) => ({ sha256: digestOf(bytes), length: bytes.length });
const rawBytes = (values: Float32Array) =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength).slice();

export interface TinyOptions {
  readonly sequence: number;
  readonly strength?: number;
  readonly health?: Partial<Manifest["health"]>;
  readonly hardware?: string;
  /** Golden outputs that the model does not give. */
  readonly wrongGolden?: boolean;
  /** Bytes in the model's place. */
  readonly model?: Uint8Array;
}

export function tinyRelease(options: TinyOptions): TinyRelease {
  const { sequence, strength = 0.1 + sequence / 100, hardware = HARDWARE } = options;
  const weights = tinyWeights(strength);
  const model = options.model ?? tinyModel(weights);
  const samples = Array.from({ length: 4 }, (_, i) => tinySample(i % CLASSES, i));
  const golden = encodeGolden(
    {
      inputs: samples.map(rawBytes),
      outputs: samples.map((x) => {
        const y = tinyOutput(weights, x);
        return rawBytes(options.wrongGolden === true ? y.map((value) => 1 - value) : y);
      }),
    },
    INPUT,
    OUTPUT,
  );
  const variant: Variant = {
    id: "onnx",
    hardware: [hardware],
    runtime: "onnxruntime",
    format: "onnx",
    architectureHash: "0".repeat(64),
    artifact: refOf(model),
    input: INPUT,
    output: OUTPUT,
    golden: { inputs: refOf(golden.inputs), outputs: refOf(golden.outputs), count: 4, tolerance: 1e-4 },
    ramBytes: 0,
    flashBytes: 0,
  };
  const manifest: Manifest = {
    schema: MANIFEST_SCHEMA_ID,
    name: PRODUCT,
    version: `${sequence}.0.0`,
    sequence,
    labels: ["a", "b", "c", "d"],
    preprocessing: [],
    variants: [variant],
    health: {
      probationInferences: 5,
      probationS: 0.2,
      maxErrorShare: 0.2,
      maxLatencyUs: 5_000_000,
      ...options.health,
    },
    envelope: { minConfidence: 0.3 },
    modelCard: { summary: "A test's model.", intendedUse: "Tests.", limitations: "Everything else." },
    lineage: { sourceModelSha256: digestOf(model), recipe: "none", toolVersion: "test" },
  };
  const manifestBytes = canonicalManifest(manifest);
  return {
    manifest,
    manifestBytes,
    path: targetPath(PRODUCT, manifest.version),
    model,
    artifactSha256: variant.artifact.sha256,
    blobs: new Map(
      [manifestBytes, model, golden.inputs, golden.outputs].map((bytes) => [digestOf(bytes), bytes]),
    ),
  };
}
