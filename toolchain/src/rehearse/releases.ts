import {
  encodeGolden,
  type HealthCriteria,
  MANIFEST_SCHEMA_ID,
  type Manifest,
  packBundle,
  SYNTHETIC_GOLDEN,
  type SyntheticModel,
  syntheticAnswer,
  type TensorSpec,
  toHex,
  type Variant,
} from "@mote/protocol";
import { nodeSha256 } from "@mote/protocol/node";

/** Releases of a rehearsal: the real ones' names and rules, with a description of behaviour in the model's place. */

/** Inferences that a rehearsal's device makes in one telemetry window. */
const PROBATION_INFERENCES = 16;

/** Behaviour of a release that says nothing of itself. */
const UNKNOWN = { confidence: 0.85, accuracy: 0.95, classes: 10, maxLatencyUs: 100_000 } as const;
/** A model's usual latency, of what its health criteria allow at most. */
const USUAL_LATENCY_SHARE = 0.25;

const UNKNOWN_HEALTH: HealthCriteria = {
  probationInferences: PROBATION_INFERENCES,
  probationS: 60,
  maxErrorShare: 0.05,
  maxLatencyUs: UNKNOWN.maxLatencyUs,
};

/** What a rehearsal takes over from a real release. */
export interface ReleaseFacts {
  readonly name: string;
  readonly version: string;
  readonly sequence: number;
  readonly manifest: Manifest | null;
}

/** How the release behaves by its own bundle: reference statistics, model card, health criteria. */
export function behaviourOf({ sequence, manifest }: ReleaseFacts): SyntheticModel {
  const labels = manifest?.labels.length ?? 0;
  const health = manifest?.health ?? UNKNOWN_HEALTH;
  return {
    schema: "mote.synthetic-model/1",
    sequence,
    classes: labels >= 2 ? labels : UNKNOWN.classes,
    confidence: meanOf(manifest?.reference?.confidence ?? []) ?? UNKNOWN.confidence,
    accuracy: manifest?.modelCard.accuracy ?? UNKNOWN.accuracy,
    errorRate: 0,
    latencyUs: USUAL_LATENCY_SHARE * health.maxLatencyUs,
  };
}

/** Mean of a histogram over [0, 1]; null for an empty one. */
function meanOf(bins: readonly number[]): number | null {
  const count = bins.reduce((sum, n) => sum + n, 0);
  if (count === 0) return null;
  return bins.reduce((sum, n, i) => sum + (n * (i + 0.5)) / bins.length, 0) / count;
}

/** A whole bundle that the rehearsal's server takes like any other. */
export function rehearsedBundle(
  { name, version, sequence, manifest }: ReleaseFacts,
  model: SyntheticModel,
  hardware: readonly string[],
  speed: number,
): Uint8Array {
  const input: TensorSpec = { name: "sample", dtype: "float32", shape: [1, 2] };
  const output: TensorSpec = { name: "shares", dtype: "float32", shape: [1, model.classes] };
  const artifact = new TextEncoder().encode(JSON.stringify(model));
  const sample = Float32Array.from(SYNTHETIC_GOLDEN);
  const shares = syntheticAnswer(model.classes, 0, model.confidence);
  const golden = encodeGolden(
    { inputs: [new Uint8Array(sample.buffer)], outputs: [new Uint8Array(shares.buffer)] },
    input,
    output,
  );
  const variant: Omit<Variant, "id" | "hardware"> = {
    runtime: "onnxruntime",
    format: "onnx",
    architectureHash: "0".repeat(64),
    artifact: refOf(artifact),
    input,
    output,
    golden: { inputs: refOf(golden.inputs), outputs: refOf(golden.outputs), count: 1, tolerance: 1e-3 },
    ramBytes: 0,
    flashBytes: 0,
  };
  const health = manifest?.health ?? UNKNOWN_HEALTH;
  return packBundle({
    manifest: {
      schema: MANIFEST_SCHEMA_ID,
      name,
      version,
      sequence,
      labels: [],
      preprocessing: [],
      variants: chunked(hardware).map((some, i) => ({
        ...variant,
        id: `rehearsal-${i + 1}`,
        hardware: some,
      })),
      health: {
        ...health,
        probationInferences: Math.min(health.probationInferences, PROBATION_INFERENCES),
        probationS: health.probationS / speed,
      },
      ...(manifest?.envelope === undefined ? {} : { envelope: manifest.envelope }),
      modelCard: { summary: "A rehearsal.", intendedUse: "Rehearsals.", limitations: "No model." },
      lineage: { sourceModelSha256: "0".repeat(64), recipe: "none", toolVersion: "mote rollout rehearse" },
    },
    artifacts: new Map(
      [artifact, golden.inputs, golden.outputs].map((bytes) => [refOf(bytes).sha256, bytes]),
    ),
  });
}

/** Classes that one variant may name. */
const HARDWARE_PER_VARIANT = 64;

function chunked(hardware: readonly string[]): string[][] {
  const count = Math.ceil(hardware.length / HARDWARE_PER_VARIANT);
  return Array.from({ length: count }, (_, i) =>
    hardware.slice(i * HARDWARE_PER_VARIANT, (i + 1) * HARDWARE_PER_VARIANT),
  );
}

function refOf(bytes: Uint8Array): { sha256: string; length: number } {
  return { sha256: toHex(nodeSha256(bytes)), length: bytes.length };
}
