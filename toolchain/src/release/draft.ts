import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import {
  checkSchema,
  HealthCriteria,
  ModelCard,
  Name,
  PreprocessingStep,
  SafetyEnvelope,
  Version,
  whatCame,
} from "@mote/protocol";
import { type EditedFile, parseEdited } from "@mote/protocol/node";
import { type Static, Type } from "@sinclair/typebox";
import { FileError } from "../errors.js";

/**
 * What a person writes to have a bundle made (YAML or JSON); `mote bundle create` without a draft fills the same form
 * from its flags. Paths are relative to the draft's folder.
 */

const strict = { additionalProperties: false } as const;
const Path = Type.String({ minLength: 1 });

export const VariantDraft = Type.Object(
  {
    id: Name,
    /** The quantized model: the artifact itself for onnxruntime, the source of the golden vectors for mote-c. */
    model: Path,
    /** Folder of `mote compile`; its presence makes this a mote-c variant. */
    compiled: Type.Optional(Path),
    hardware: Type.Array(Name, { minItems: 1 }),
    /** Largest difference of any output element from the golden vectors. Always 0 for mote-c. */
    tolerance: Type.Optional(Type.Number({ minimum: 0 })),
  },
  strict,
);
export type VariantDraft = Static<typeof VariantDraft>;

const DataDraft = (count: number) =>
  Type.Object({ data: Path, count: Type.Optional(Type.Integer({ minimum: 1, maximum: count })) }, strict);

export const BundleDraft = Type.Object(
  {
    name: Name,
    version: Version,
    /** Left out: the parent's plus one. */
    sequence: Type.Optional(Type.Integer({ minimum: 1 })),
    labels: Type.Optional(Type.Array(Type.String({ maxLength: 64 }))),
    preprocessing: Type.Optional(Type.Array(PreprocessingStep)),
    variants: Type.Array(VariantDraft, { minItems: 1 }),
    /** Whole images for devices with an update client of their own (SWUpdate, RAUC, MCUboot). */
    images: Type.Optional(
      Type.Array(Type.Object({ file: Path, hardware: Type.Array(Name, { minItems: 1 }) }, strict), {
        minItems: 1,
      }),
    ),
    golden: DataDraft(64),
    reference: Type.Optional(DataDraft(100_000)),
    /** Labelled samples that neither training nor calibration saw: the model card's accuracy. */
    test: Type.Optional(DataDraft(100_000)),
    health: Type.Optional(Type.Partial(HealthCriteria, strict)),
    envelope: Type.Optional(SafetyEnvelope),
    modelCard: Type.Optional(Type.Partial(ModelCard, strict)),
    lineage: Type.Optional(
      Type.Object(
        {
          sourceModel: Type.Optional(Path),
          trainingData: Type.Optional(Path),
          recipe: Type.Optional(Type.String({ maxLength: 4096 })),
          /** Bundle that this one was made from. */
          parent: Type.Optional(Path),
        },
        strict,
      ),
    ),
  },
  strict,
);
export type BundleDraft = Static<typeof BundleDraft>;

/** What a device must see before it confirms, where the draft says nothing else. */
export const DEFAULT_HEALTH: HealthCriteria = {
  probationInferences: 50,
  probationS: 60,
  maxErrorShare: 0.02,
  maxLatencyUs: 1_000_000,
};

export const DEFAULT_GOLDEN_COUNT = 4;

/** @throws FileError, SchemaError naming the field at fault */
export async function readDraft(path: string): Promise<BundleDraft> {
  let file: EditedFile;
  try {
    file = parseEdited(await readFile(path, "utf8"));
  } catch (cause) {
    throw new FileError({
      expected: `a bundle draft (YAML or JSON) at ${path}`,
      got: whatCame(cause),
      todo: "See `mote bundle create --help` for an example.",
      cause,
    });
  }
  return resolvePaths(checkSchema(BundleDraft, file.value, `the draft ${path}`, file.place), dirname(path));
}

function resolvePaths(draft: BundleDraft, folder: string): BundleDraft {
  const at = (path: string) => resolve(folder, path);
  const data = <T extends { data: string }>(of: T): T => ({ ...of, data: at(of.data) });
  const { lineage } = draft;
  return {
    ...draft,
    variants: draft.variants.map((variant) => ({
      ...variant,
      model: at(variant.model),
      ...(variant.compiled === undefined ? {} : { compiled: at(variant.compiled) }),
    })),
    ...(draft.images === undefined
      ? {}
      : { images: draft.images.map((image) => ({ ...image, file: at(image.file) })) }),
    golden: data(draft.golden),
    ...(draft.reference === undefined ? {} : { reference: data(draft.reference) }),
    ...(draft.test === undefined ? {} : { test: data(draft.test) }),
    ...(lineage === undefined
      ? {}
      : {
          lineage: {
            ...lineage,
            ...(lineage.sourceModel === undefined ? {} : { sourceModel: at(lineage.sourceModel) }),
            ...(lineage.trainingData === undefined ? {} : { trainingData: at(lineage.trainingData) }),
            ...(lineage.parent === undefined ? {} : { parent: at(lineage.parent) }),
          },
        }),
  };
}
