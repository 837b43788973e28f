import type { ArtifactRef, Manifest, ReleaseComparison, Variant, VariantFigures } from "@mote/protocol";
import { labelChanges } from "./effects.js";

/** Two releases side by side, by their manifests alone. Pure. */

type Patches = (from: ArtifactRef, to: ArtifactRef) => readonly { codec: string; bytes: number }[];

export function compareManifests(
  from: Manifest,
  to: Manifest,
  patches: Patches,
): Pick<ReleaseComparison, "labels" | "isPreprocessingChanged" | "classes" | "variants"> {
  return {
    labels: labelChanges(from.labels, to.labels),
    isPreprocessingChanged: JSON.stringify(from.preprocessing) !== JSON.stringify(to.preprocessing),
    classes: classesOf(from, to),
    variants: variantsOf(from, to, patches),
  };
}

/** Only where one of them tells what it does on reference data. */
function classesOf(from: Manifest, to: Manifest): ReleaseComparison["classes"] {
  const [before, after] = [sharesOf(from), sharesOf(to)];
  if (before.size === 0 && after.size === 0) return [];
  return [...new Set([...to.labels, ...from.labels])].map((label) => ({
    label,
    from: before.get(label) ?? null,
    to: after.get(label) ?? null,
  }));
}

function sharesOf({ labels, reference }: Manifest): Map<string, number> {
  const outputs = reference?.outputs ?? [];
  const all = outputs.reduce((sum, count) => sum + count, 0);
  if (all === 0) return new Map();
  return new Map(labels.map((label, place) => [label, (outputs[place] ?? 0) / all]));
}

function variantsOf(from: Manifest, to: Manifest, patches: Patches): ReleaseComparison["variants"] {
  const ids = new Set([...to.variants, ...from.variants].map(({ id }) => id));
  return [...ids].map((id) => {
    const [before, after] = [from, to].map(({ variants }) => variants.find((one) => one.id === id) ?? null);
    return {
      id,
      hardware: [...(after ?? before)!.hardware],
      from: figuresOf(before ?? null),
      to: figuresOf(after ?? null),
      isArchitectureChanged:
        before != null && after != null && before.architectureHash !== after.architectureHash,
      patches: before == null || after == null ? [] : [...patches(before.artifact, after.artifact)],
    };
  });
}

function figuresOf(variant: Variant | null): VariantFigures | null {
  if (variant === null) return null;
  const { artifact, ramBytes, flashBytes, runtime, input, output, golden } = variant;
  return {
    artifactBytes: artifact.length,
    ramBytes,
    flashBytes,
    runtime,
    inputDtype: input.dtype,
    outputDtype: output.dtype,
    goldenVectors: golden.count,
    goldenTolerance: golden.tolerance,
  };
}
