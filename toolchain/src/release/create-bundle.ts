import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import {
  type ArtifactRef,
  checkSchema,
  encodeGolden,
  type FirmwareImage,
  MANIFEST_SCHEMA_ID,
  type Manifest,
  PARAMS_LAYOUT_FILE,
  type ParamsLayout,
  packBundle,
  parseParamsLayout,
  Sha256Hex,
  toHex,
  unpackBundle,
  type Variant,
  whatCame,
} from "@mote/protocol";
import { nodeSha256 } from "@mote/protocol/node";
import { type Static, Type } from "@sinclair/typebox";
import { type Dataset, openDataset } from "../data/index.js";
import { FileError, UsageError } from "../errors.js";
import { onnxArchitectureHash } from "./architecture-hash.js";
import { digestData } from "./digest-data.js";
import { type BundleDraft, DEFAULT_GOLDEN_COUNT, DEFAULT_HEALTH, type VariantDraft } from "./draft.js";
import { goldenVectors } from "./golden-vectors.js";
import { openInteger } from "./integer-runner.js";
import { openOnnx } from "./onnx-runner.js";
import type { Runner } from "./runner.js";
import { measureAccuracy, referenceStatistics, spread } from "./statistics.js";

/**
 * Largest difference allowed between a device's ONNX Runtime and the one that made the vectors: builds for different
 * processors may requantize one step apart, and a softmax leaves the model in steps of 1/256.
 */
export const ONNX_TOLERANCE = 0.02;

const DEFAULT_REFERENCE_COUNT = 1000;

/** The part of `compile.json` (written by `mote compile`) that a bundle states. */
const CompileReport = Type.Object({
  architectureHash: Sha256Hex,
  ramBytes: Type.Integer({ minimum: 0 }),
  /** Null where no compiler was there to measure it. */
  codeBytes: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]),
  paramBytes: Type.Integer({ minimum: 1 }),
});

export interface CreatedBundle {
  readonly file: Uint8Array;
  readonly manifest: Manifest;
}

/**
 * Runs every variant on the golden data, keeps its answers, and packs. The same inputs give the same bytes: nothing of
 * the machine or the hour goes in.
 *
 * @param progress called with what is done of what there is to do
 */
export async function createBundle(
  draft: BundleDraft,
  toolVersion: string,
  progress: (done: number, total: number) => void = () => {},
): Promise<CreatedBundle> {
  const artifacts = new Map<string, Uint8Array>();
  const layouts = new Map<string, ParamsLayout>();
  const golden = await openDataset(draft.golden.data);
  const variants: Variant[] = [];
  let reference: Manifest["reference"];
  let measured: { accuracy: number; samples: number } | undefined;
  const total = draft.variants.length + 2;
  for (const [index, variantDraft] of draft.variants.entries()) {
    const { runner, facts } = await openVariant(variantDraft, golden.sampleShape);
    if (facts.layout !== null) layouts.set(facts.layout.architectureHash, facts.layout);
    try {
      const count = draft.golden.count ?? DEFAULT_GOLDEN_COUNT;
      variants.push(await makeVariant(variantDraft, runner, facts, golden, count, artifacts));
      progress(index + 1, total);
      // The first variant speaks for the release: others compute the same up to rounding.
      if (index === 0) {
        reference = await referenceOf(draft, runner);
        measured = await accuracyOf(draft, runner);
      }
    } finally {
      await runner.close();
    }
  }
  const images = await readImages(draft, artifacts);
  const parent = await readParent(draft.lineage?.parent);
  const manifest: Manifest = {
    schema: MANIFEST_SCHEMA_ID,
    name: draft.name,
    version: draft.version,
    sequence: sequenceOf(draft, parent?.sequence),
    labels: draft.labels ?? [],
    preprocessing: draft.preprocessing ?? [],
    variants,
    ...(images.length === 0 ? {} : { images }),
    health: { ...DEFAULT_HEALTH, ...draft.health },
    ...(draft.envelope === undefined ? {} : { envelope: draft.envelope }),
    ...(reference === undefined ? {} : { reference }),
    modelCard: { summary: "", intendedUse: "", limitations: "", ...draft.modelCard, ...measured },
    lineage: await lineageOf(draft, toolVersion, parent?.sha256),
  };
  const file = packBundle({ manifest, artifacts, layouts: [...layouts.values()] });
  progress(total, total);
  return { file, manifest };
}

/** Images are opaque: only their digest, length and file name go into the manifest. */
async function readImages(draft: BundleDraft, artifacts: Map<string, Uint8Array>): Promise<FirmwareImage[]> {
  const images: FirmwareImage[] = [];
  for (const { file, hardware } of draft.images ?? []) {
    const bytes = await readBytes(file, "an image for the device's own update client");
    const sha256 = toHex(nodeSha256(bytes));
    artifacts.set(sha256, bytes);
    images.push({ hardware, filename: basename(file), artifact: { sha256, length: bytes.length } });
  }
  return images;
}

interface VariantFacts {
  readonly runtime: Variant["runtime"];
  readonly format: Variant["format"];
  readonly architectureHash: string;
  readonly artifact: Uint8Array;
  readonly flashBytes: number;
  /** Of parameters: what patches of them are made by. */
  readonly layout: ParamsLayout | null;
}

async function openVariant(
  draft: VariantDraft,
  sampleShape: readonly number[],
): Promise<{ runner: Runner; facts: VariantFacts }> {
  const model = await readBytes(draft.model, "a quantized model");
  if (draft.compiled === undefined) {
    const runner = await openOnnx(model, sampleShape);
    const facts = {
      runtime: "onnxruntime",
      format: "onnx",
      architectureHash: onnxArchitectureHash(model),
      artifact: model,
      flashBytes: model.length,
      layout: null,
    } as const;
    return { runner, facts };
  }
  // Readers are loaded only here: a bundle for gateways alone needs none of them.
  const { readModel } = await import("../formats/index.js");
  const report = await readCompileReport(draft.compiled);
  const artifact = await readBytes(join(draft.compiled, "params.bin"), "the parameters of `mote compile`");
  const facts = {
    runtime: "mote-c",
    format: "params",
    architectureHash: report.architectureHash,
    artifact,
    flashBytes: (report.codeBytes ?? 0) + artifact.length,
    layout: await readLayout(draft.compiled),
  } as const;
  return { runner: openInteger(await readModel(draft.model), sampleShape, report.ramBytes), facts };
}

async function makeVariant(
  draft: VariantDraft,
  runner: Runner,
  facts: VariantFacts,
  data: Dataset,
  count: number,
  artifacts: Map<string, Uint8Array>,
): Promise<Variant> {
  const keep = (bytes: Uint8Array): ArtifactRef => {
    const digest = sha256(bytes);
    artifacts.set(digest, bytes);
    return { sha256: digest, length: bytes.length };
  };
  const tolerance = draft.compiled === undefined ? (draft.tolerance ?? ONNX_TOLERANCE) : 0;
  const samples = spread(data.count, count).map((index) => data.sample(index));
  const { vectors, codes } = await goldenVectors(runner, samples, tolerance);
  const golden = encodeGolden(vectors, runner.input, runner.output, codes);
  return {
    id: draft.id,
    hardware: [...draft.hardware],
    runtime: facts.runtime,
    format: facts.format,
    architectureHash: facts.architectureHash,
    artifact: keep(facts.artifact),
    input: runner.input,
    output: runner.output,
    golden: {
      inputs: keep(golden.inputs),
      outputs: keep(golden.outputs),
      ...(codes === undefined ? {} : { codes }),
      count: samples.length,
      tolerance,
    },
    ramBytes: runner.ramBytes,
    flashBytes: facts.flashBytes,
  };
}

async function referenceOf(draft: BundleDraft, runner: Runner): Promise<Manifest["reference"]> {
  if (draft.reference === undefined) return undefined;
  const { data, count = DEFAULT_REFERENCE_COUNT } = draft.reference;
  return referenceStatistics(runner, await openDataset(data), count);
}

async function accuracyOf(
  draft: BundleDraft,
  runner: Runner,
): Promise<{ accuracy: number; samples: number } | undefined> {
  if (draft.test === undefined) return undefined;
  const { data, count = Number.POSITIVE_INFINITY } = draft.test;
  return measureAccuracy(runner, await openDataset(data), count);
}

async function lineageOf(
  draft: BundleDraft,
  toolVersion: string,
  parentManifestSha256: string | undefined,
): Promise<Manifest["lineage"]> {
  const { sourceModel = draft.variants[0]!.model, trainingData, recipe = "" } = draft.lineage ?? {};
  return {
    ...(trainingData === undefined ? {} : { trainingDataSha256: await digestData(trainingData) }),
    sourceModelSha256: sha256(await readBytes(sourceModel, "the source model")),
    recipe,
    toolVersion,
    ...(parentManifestSha256 === undefined ? {} : { parentManifestSha256 }),
  };
}

async function readParent(
  path: string | undefined,
): Promise<{ sequence: number; sha256: string } | undefined> {
  if (path === undefined) return undefined;
  const { manifest, manifestBytes } = unpackBundle(await readBytes(path, "the parent bundle"), nodeSha256);
  return { sequence: manifest.sequence, sha256: sha256(manifestBytes) };
}

function sequenceOf(draft: BundleDraft, parentSequence: number | undefined): number {
  const sequence = draft.sequence ?? (parentSequence === undefined ? undefined : parentSequence + 1);
  if (sequence !== undefined && sequence > (parentSequence ?? 0)) return sequence;
  throw new UsageError({
    expected: `a sequence above ${parentSequence ?? 0}`,
    got: sequence === undefined ? "none" : String(sequence),
    todo: "Give --sequence N: it grows with every release of a product, and downgrades are judged by it.",
  });
}

async function readCompileReport(folder: string): Promise<Static<typeof CompileReport>> {
  const path = join(folder, "compile.json");
  const text = new TextDecoder().decode(await readBytes(path, "the report of `mote compile`"));
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    throw new FileError({
      expected: `JSON in ${path}`,
      got: "something else",
      todo: "Compile again.",
      cause,
    });
  }
  return checkSchema(CompileReport, document, path);
}

async function readLayout(folder: string): Promise<ParamsLayout> {
  const bytes = await readBytes(join(folder, PARAMS_LAYOUT_FILE), "the layout of the parameters");
  return parseParamsLayout(new TextDecoder().decode(bytes));
}

async function readBytes(path: string, what: string): Promise<Uint8Array> {
  try {
    if ((await stat(path)).isDirectory()) throw new Error("a folder");
    return new Uint8Array(await readFile(path));
  } catch (cause) {
    throw new FileError({
      expected: `${what} at ${path}`,
      got: whatCame(cause),
      todo: "Check the path.",
      cause,
    });
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
