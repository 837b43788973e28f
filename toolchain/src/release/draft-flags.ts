import { UsageError } from "../errors.js";
import type { BundleDraft } from "./draft.js";

/** The flags of `mote bundle create`, as they were typed. */
export interface DraftFlags {
  readonly name?: string;
  readonly version?: string;
  readonly sequence?: string;
  readonly labels?: string;
  readonly normalize?: string;
  readonly variant?: readonly string[];
  readonly image?: readonly string[];
  readonly goldenData?: string;
  readonly goldenCount?: string;
  readonly referenceData?: string;
  readonly referenceCount?: string;
  readonly testData?: string;
  readonly probationInferences?: string;
  readonly probationS?: string;
  readonly maxErrorShare?: string;
  readonly maxLatencyUs?: string;
  readonly minConfidence?: string;
  readonly summary?: string;
  readonly intendedUse?: string;
  readonly limitations?: string;
  readonly sourceModel?: string;
  readonly trainingData?: string;
  readonly recipe?: string;
  readonly parent?: string;
}

/** The draft with what was typed over it; unchecked, the schema judges it as a whole. */
export function draftFromFlags(draft: Partial<BundleDraft>, flags: DraftFlags): unknown {
  return present({
    ...draft,
    ...present({
      name: flags.name,
      version: flags.version,
      sequence: number("--sequence", flags.sequence),
      labels: flags.labels?.split(","),
      preprocessing: flags.normalize === undefined ? undefined : [parseNormalize(flags.normalize)],
      variants: flags.variant?.map(parseVariant),
      images: flags.image?.map(parseImage),
    }),
    golden: merged(draft.golden, {
      data: flags.goldenData,
      count: number("--golden-count", flags.goldenCount),
    }),
    reference: merged(draft.reference, {
      data: flags.referenceData,
      count: number("--reference-count", flags.referenceCount),
    }),
    test: merged(draft.test, { data: flags.testData }),
    health: merged(draft.health, {
      probationInferences: number("--probation-inferences", flags.probationInferences),
      probationS: number("--probation-s", flags.probationS),
      maxErrorShare: number("--max-error-share", flags.maxErrorShare),
      maxLatencyUs: number("--max-latency-us", flags.maxLatencyUs),
    }),
    envelope: merged(draft.envelope, { minConfidence: number("--min-confidence", flags.minConfidence) }),
    modelCard: merged(draft.modelCard, {
      summary: flags.summary,
      intendedUse: flags.intendedUse,
      limitations: flags.limitations,
    }),
    lineage: merged(draft.lineage, {
      sourceModel: flags.sourceModel,
      trainingData: flags.trainingData,
      recipe: flags.recipe,
      parent: flags.parent,
    }),
  });
}

/** `id=gateway,model=a.onnx,hardware=x+y` */
function parseVariant(text: string): Record<string, unknown> {
  const facts: Record<string, unknown> = {};
  for (const part of text.split(",")) {
    const at = part.indexOf("=");
    const key = part.slice(0, Math.max(at, 0));
    const value = part.slice(at + 1);
    if (key === "hardware") facts[key] = value.split("+");
    else if (key === "tolerance") facts[key] = number("tolerance", value);
    else if (["id", "model", "compiled"].includes(key)) facts[key] = value;
    else {
      throw new UsageError({
        expected: "--variant id=…,model=FILE,hardware=A+B[,compiled=DIR][,tolerance=0.02]",
        got: part,
        todo: "Correct the flag, or write a draft file (paths with commas need one).",
      });
    }
  }
  return facts;
}

/** `MEAN,STD` */
function parseNormalize(text: string): Record<string, unknown> {
  const [mean, std, ...more] = text.split(",");
  if (std === undefined || more.length > 0) {
    throw new UsageError({
      expected: "--normalize MEAN,STD",
      got: text,
      todo: "For example --normalize 127.5,127.5.",
    });
  }
  return { kind: "normalize", mean: number("--normalize", mean), std: number("--normalize", std) };
}

/** `FILE=hardware+hardware`; the file name may hold "=" itself. */
function parseImage(text: string): Record<string, unknown> {
  const at = text.lastIndexOf("=");
  if (at > 0) return { file: text.slice(0, at), hardware: text.slice(at + 1).split("+") };
  throw new UsageError({
    expected: "--image FILE=hardware[+hardware]",
    got: text,
    todo: "For example --image camera-2.0.0.swu=camera-v2.",
  });
}

function number(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value)) return value;
  throw new UsageError({ expected: `${flag} to be a number`, got: text, todo: "Correct the flag." });
}

function merged(under: object | undefined, over: Record<string, unknown>): object | undefined {
  const facts = { ...under, ...present(over) };
  return Object.keys(facts).length === 0 ? undefined : facts;
}

function present(facts: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined));
}
