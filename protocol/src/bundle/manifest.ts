import { type Static, Type } from "@sinclair/typebox";

/**
 * The manifest is what a release *is*: its canonical bytes (canonical.ts) are the TUF target that people sign.
 * Everything else (artifacts, patches, caches) is named in it by SHA-256 and length and may come by any route.
 */

export const MANIFEST_SCHEMA_ID = "mote.manifest/2";

/** Bytes; a manifest is a few kB, so anything beyond is refused before it is read. */
export const MANIFEST_MAX_BYTES = 64 * 1024;
export const ARTIFACT_MAX_BYTES = 64 * 1024 * 1024;

const strict = { additionalProperties: false } as const;

export const Sha256Hex = Type.String({ pattern: "^[0-9a-f]{64}$" });
/** Names travel in URLs, topics and file names, so they keep to what is safe in all three. */
export const Name = Type.String({ pattern: "^[a-z0-9][a-z0-9._-]{0,62}$" });
export const Version = Type.String({ pattern: "^\\d+\\.\\d+\\.\\d+(-[0-9A-Za-z.-]{1,32})?$" });

export const ArtifactRef = Type.Object(
  { sha256: Sha256Hex, length: Type.Integer({ minimum: 1, maximum: ARTIFACT_MAX_BYTES }) },
  strict,
);
export type ArtifactRef = Static<typeof ArtifactRef>;

export const TensorSpec = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 256 }),
    dtype: Type.Union([
      Type.Literal("float32"),
      Type.Literal("int8"),
      Type.Literal("int16"),
      Type.Literal("uint8"),
    ]),
    shape: Type.Array(Type.Integer({ minimum: 1 }), { maxItems: 8 }),
    /** Present for integer tensors: real = scale * (code - zeroPoint). */
    scale: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
    zeroPoint: Type.Optional(Type.Integer()),
  },
  strict,
);
export type TensorSpec = Static<typeof TensorSpec>;

/** How a float32 input is stored in one byte: real = scale * (code - zeroPoint), rounded to float32. */
export const GoldenCodes = Type.Object(
  { scale: Type.Number({ exclusiveMinimum: 0 }), zeroPoint: Type.Integer({ minimum: 0, maximum: 255 }) },
  strict,
);
export type GoldenCodes = Static<typeof GoldenCodes>;

/** Golden vectors (golden.ts): inputs with the outputs that the device must reproduce before an update counts. */
export const GoldenRef = Type.Object(
  {
    inputs: ArtifactRef,
    outputs: ArtifactRef,
    /** Left out: inputs are stored as the model takes them. */
    codes: Type.Optional(GoldenCodes),
    count: Type.Integer({ minimum: 1, maximum: 1024 }),
    /** Largest allowed difference of any output element, in the output's own unit; 0 for generated C. */
    tolerance: Type.Number({ minimum: 0 }),
  },
  strict,
);

export const Variant = Type.Object(
  {
    id: Name,
    /** Hardware classes that may take this variant. A device belongs to exactly one class. */
    hardware: Type.Array(Name, { minItems: 1, maxItems: 64 }),
    runtime: Type.Union([Type.Literal("onnxruntime"), Type.Literal("mote-c")]),
    format: Type.Union([Type.Literal("onnx"), Type.Literal("params")]),
    /** For `params`: which generated code it fits. For `onnx`: digest of the graph without its weights. */
    architectureHash: Sha256Hex,
    artifact: ArtifactRef,
    input: TensorSpec,
    output: TensorSpec,
    golden: GoldenRef,
    ramBytes: Type.Integer({ minimum: 0 }),
    flashBytes: Type.Integer({ minimum: 0 }),
  },
  strict,
);
export type Variant = Static<typeof Variant>;

/**
 * A whole image for an update client of its own (SWUpdate's `.swu`, a RAUC bundle, an MCUboot image): opaque to Mote,
 * which stages, watches and takes it back like any release. The client's own signature guards what is inside.
 */
export const FirmwareImage = Type.Object(
  {
    hardware: Type.Array(Name, { minItems: 1, maxItems: 64 }),
    /** What the client sees the file called; its ending tells SWUpdate what it gets. */
    filename: Type.String({ pattern: "^[0-9A-Za-z][0-9A-Za-z._-]{0,127}$" }),
    artifact: ArtifactRef,
  },
  strict,
);
export type FirmwareImage = Static<typeof FirmwareImage>;

/** What the device itself must see during probation before it confirms; otherwise it reverts by itself. */
export const HealthCriteria = Type.Object(
  {
    probationInferences: Type.Integer({ minimum: 1 }),
    probationS: Type.Number({ minimum: 0 }),
    maxErrorShare: Type.Number({ minimum: 0, maximum: 1 }),
    maxLatencyUs: Type.Integer({ minimum: 1 }),
  },
  strict,
);
export type HealthCriteria = Static<typeof HealthCriteria>;

/** What the model looked like on reference data: the frozen side of drift. Bins are CONFIDENCE_BINS of telemetry. */
export const ReferenceStatistics = Type.Object(
  {
    samples: Type.Integer({ minimum: 1 }),
    confidence: Type.Array(Type.Integer({ minimum: 0 }), { maxItems: 64 }),
    outputs: Type.Array(Type.Integer({ minimum: 0 }), { maxItems: 1024 }),
  },
  strict,
);

/** What the device may do alone; outside of it the agent abstains and the output counts as `abstained`. */
export const SafetyEnvelope = Type.Object({ minConfidence: Type.Number({ minimum: 0, maximum: 1 }) }, strict);

export const PreprocessingStep = Type.Union([
  Type.Object(
    { kind: Type.Literal("normalize"), mean: Type.Number(), std: Type.Number({ exclusiveMinimum: 0 }) },
    strict,
  ),
]);

export const ModelCard = Type.Object(
  {
    summary: Type.String({ maxLength: 4096 }),
    intendedUse: Type.String({ maxLength: 4096 }),
    limitations: Type.String({ maxLength: 4096 }),
    /** Accuracy on samples that neither training nor calibration saw. */
    accuracy: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
    samples: Type.Optional(Type.Integer({ minimum: 1 })),
  },
  strict,
);

export const Lineage = Type.Object(
  {
    trainingDataSha256: Type.Optional(Sha256Hex),
    sourceModelSha256: Sha256Hex,
    recipe: Type.String({ maxLength: 4096 }),
    toolVersion: Type.String({ maxLength: 64 }),
    /** Digest of the manifest that this release was made from, when there was one. */
    parentManifestSha256: Type.Optional(Sha256Hex),
  },
  strict,
);

export const Manifest = Type.Object(
  {
    schema: Type.Literal(MANIFEST_SCHEMA_ID),
    name: Name,
    version: Version,
    /** Strictly growing per product; the signed floor and every downgrade check compare this, never `version`. */
    sequence: Type.Integer({ minimum: 1 }),
    labels: Type.Array(Type.String({ maxLength: 64 }), { maxItems: 1024 }),
    preprocessing: Type.Array(PreprocessingStep, { maxItems: 16 }),
    variants: Type.Array(Variant, { minItems: 1, maxItems: 64 }),
    /** For devices that are updated by a client of their own; at most one for each hardware class. */
    images: Type.Optional(Type.Array(FirmwareImage, { minItems: 1, maxItems: 64 })),
    health: HealthCriteria,
    envelope: Type.Optional(SafetyEnvelope),
    reference: Type.Optional(ReferenceStatistics),
    modelCard: ModelCard,
    lineage: Lineage,
  },
  { ...strict, $id: MANIFEST_SCHEMA_ID },
);
export type Manifest = Static<typeof Manifest>;
