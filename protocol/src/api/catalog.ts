import { type Static, Type } from "@sinclair/typebox";
import { Name, Sha256Hex, Version } from "../bundle/manifest.js";
import { RolloutStateName } from "./rollout.js";

/** What is known of releases beyond the bundles themselves: who reads their outputs, where they come from, how two differ. */

const strict = { additionalProperties: false } as const;
const TimeMs = Type.Integer({ minimum: 0, description: "milliseconds since 1970, server's clock" });
const Count = Type.Integer({ minimum: 0 });
const orNull = <T extends Parameters<typeof Type.Union>[0][number]>(type: T) =>
  Type.Union([type, Type.Null()]);

export const OUTPUT_PARTS = ["labels", "indices", "scores"] as const;
/** Names of classes, their places in the output, or the numbers at those places. */
export const OutputPart = Type.Union(OUTPUT_PARTS.map((part) => Type.Literal(part)));
export type OutputPart = Static<typeof OutputPart>;

/** Somebody's program that reads what a product's models say. */
export const ConsumerRequest = Type.Object(
  {
    product: Name,
    /** Whom to warn before what it reads changes: a mail address, a channel, a name. */
    contact: Type.String({ minLength: 1, maxLength: 256 }),
    purpose: Type.Optional(Type.String({ maxLength: 512 })),
    reads: Type.Array(OutputPart, { minItems: 1, maxItems: 3, uniqueItems: true }),
    /** The classes that it depends on; left out or empty: all. */
    labels: Type.Optional(Type.Array(Type.String({ maxLength: 64 }), { maxItems: 256, uniqueItems: true })),
  },
  strict,
);
export type ConsumerRequest = Static<typeof ConsumerRequest>;

export const ConsumerView = Type.Object(
  {
    id: Name,
    product: Name,
    contact: Type.String(),
    purpose: Type.String(),
    reads: Type.Array(OutputPart),
    labels: Type.Array(Type.String()),
    declaredBy: Type.String(),
    declaredAtMs: TimeMs,
  },
  strict,
);
export type ConsumerView = Static<typeof ConsumerView>;

export const ConsumersAnswer = Type.Object({ consumers: Type.Array(ConsumerView) }, strict);
export type ConsumersAnswer = Static<typeof ConsumersAnswer>;

export const ConsumerListQuery = Type.Object({ product: Type.Optional(Name) }, strict);
export type ConsumerListQuery = Static<typeof ConsumerListQuery>;

/** A consumer, and what a change of release changes for it. */
export const ConsumerWarning = Type.Object(
  {
    consumer: Name,
    contact: Type.String(),
    /** Sentences. */
    changes: Type.Array(Type.String(), { minItems: 1 }),
  },
  strict,
);
export type ConsumerWarning = Static<typeof ConsumerWarning>;

/** What devices that run a release now have measured over the last day: a sample of at most 200 of them. */
export const FieldFigures = Type.Object(
  {
    devices: Count,
    inferences: Count,
    errorRate: orNull(Type.Number()),
    meanConfidence: orNull(Type.Number()),
    probeAccuracy: orNull(Type.Number()),
    meanLatencyUs: orNull(Type.Number()),
    /** Microjoule per inference. */
    energyUj: orNull(Type.Number()),
  },
  strict,
);
export type FieldFigures = Static<typeof FieldFigures>;

const VariantFigures = Type.Object(
  {
    artifactBytes: Count,
    ramBytes: Count,
    flashBytes: Count,
    runtime: Type.String(),
    inputDtype: Type.String(),
    outputDtype: Type.String(),
    goldenVectors: Count,
    goldenTolerance: Type.Number(),
  },
  strict,
);
export type VariantFigures = Static<typeof VariantFigures>;

const ReleaseSide = Type.Object(
  {
    version: Version,
    sequence: Type.Integer({ minimum: 1 }),
    manifestSha256: Sha256Hex,
    devices: Count,
    accuracy: orNull(Type.Number()),
    samples: orNull(Type.Integer()),
    /** What the device may do alone, as the least confidence; null without such a bound. */
    minConfidence: orNull(Type.Number()),
    field: orNull(FieldFigures),
  },
  strict,
);

/** Two releases of a product side by side; `from` is the one that devices would come from. */
export const ReleaseComparison = Type.Object(
  {
    product: Name,
    from: ReleaseSide,
    to: ReleaseSide,
    labels: Type.Object(
      {
        added: Type.Array(Type.String()),
        removed: Type.Array(Type.String()),
        /** Those that stay and stand at another place of the output. */
        moved: Type.Array(Type.Object({ label: Type.String(), from: Count, to: Count }, strict)),
      },
      strict,
    ),
    isPreprocessingChanged: Type.Boolean(),
    /** Share of each class in the outputs on reference data; null where a release doesn't tell. */
    classes: Type.Array(
      Type.Object({ label: Type.String(), from: orNull(Type.Number()), to: orNull(Type.Number()) }, strict),
    ),
    variants: Type.Array(
      Type.Object(
        {
          id: Name,
          hardware: Type.Array(Name),
          /** Null where only the other release has this variant. */
          from: orNull(VariantFigures),
          to: orNull(VariantFigures),
          /** Other code: a microcontroller needs other firmware before it can take the parameters. */
          isArchitectureChanged: Type.Boolean(),
          /** Patches that were made for devices on the way from one to the other so far. */
          patches: Type.Array(Type.Object({ codec: Type.String(), bytes: Count }, strict)),
        },
        strict,
      ),
    ),
    consumers: Type.Array(ConsumerWarning),
  },
  strict,
);
export type ReleaseComparison = Static<typeof ReleaseComparison>;

/** A release among its kin. */
export const LineageNode = Type.Object(
  {
    version: Version,
    sequence: Type.Integer({ minimum: 1 }),
    manifestSha256: Sha256Hex,
    /** Release that it was made from; null without one, or when this server does not know it. */
    parent: orNull(Version),
    sourceModelSha256: Sha256Hex,
    trainingDataSha256: orNull(Sha256Hex),
    recipe: Type.String(),
    toolVersion: Type.String(),
    devices: Count,
    rollouts: Type.Array(Type.Object({ id: Type.String(), state: RolloutStateName }, strict)),
  },
  strict,
);
export type LineageNode = Static<typeof LineageNode>;

/** The release first, then its ancestors, youngest first, then those made from it directly. */
export const LineageAnswer = Type.Object(
  {
    release: LineageNode,
    ancestors: Type.Array(LineageNode),
    children: Type.Array(LineageNode),
    field: orNull(FieldFigures),
  },
  strict,
);
export type LineageAnswer = Static<typeof LineageAnswer>;
