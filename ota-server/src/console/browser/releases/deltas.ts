import type { ReleaseComparison } from "@mote/protocol";
import { bytes, count, microjoules, micros, percent } from "../format.js";
import type { Tone } from "../words.js";

/** Figures of two releases, and whether the second is better. Pure. */

export interface DeltaRow {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly change: string;
  readonly tone: Tone;
}

type Value = number | null | undefined;
/** What growth of a figure means. */
type Growth = "better" | "worse" | "neither";

export function deltaRows({ from, to, variants }: ReleaseComparison): DeltaRow[] {
  const points = (value: number) => `${(100 * value).toFixed(2)} points`;
  const rows = [
    row("Accuracy on held-out samples", from.accuracy, to.accuracy, "better", percent, points),
    row("Held-out samples", from.samples, to.samples, "neither", count, count),
    row("Devices that run it", from.devices, to.devices, "neither", count, count),
    row("Field: confidence", from.field?.meanConfidence, to.field?.meanConfidence, "better", percent, points),
    row("Field: probes right", from.field?.probeAccuracy, to.field?.probeAccuracy, "better", percent, points),
    row(
      "Field: errors",
      from.field?.errorRate,
      to.field?.errorRate,
      "worse",
      (value) => percent(value, 2),
      points,
    ),
    row("Field: latency", from.field?.meanLatencyUs, to.field?.meanLatencyUs, "worse", micros, micros),
    row(
      "Field: energy per inference",
      from.field?.energyUj,
      to.field?.energyUj,
      "worse",
      microjoules,
      microjoules,
    ),
  ];
  return [...rows, ...variants.flatMap(variantRows)].filter((one) => one !== null);
}

function variantRows(variant: ReleaseComparison["variants"][number]): (DeltaRow | null)[] {
  const { id, from, to, isArchitectureChanged, patches } = variant;
  const least = [...patches].sort((a, b) => a.bytes - b.bytes)[0];
  return [
    row(`${id}: file`, from?.artifactBytes, to?.artifactBytes, "worse", bytes, bytes),
    row(`${id}: RAM`, from?.ramBytes, to?.ramBytes, "worse", bytes, bytes),
    row(`${id}: flash`, from?.flashBytes, to?.flashBytes, "worse", bytes, bytes),
    row(`${id}: golden vectors`, from?.goldenVectors, to?.goldenVectors, "neither", count, count),
    from === null || to === null
      ? null
      : words(
          `${id}: what a device fetches`,
          least === undefined ? "no patch was made yet" : `${bytes(least.bytes)} (${least.codec})`,
          least === undefined ? "idle" : "good",
        ),
    isArchitectureChanged
      ? words(`${id}: architecture`, to?.runtime === "mote-c" ? "other: needs new firmware" : "other", "wait")
      : null,
  ];
}

export function classRows({ classes }: ReleaseComparison): DeltaRow[] {
  return classes
    .map(({ label, from, to }) =>
      row(label, from, to, "neither", percent, (value) => `${(100 * value).toFixed(1)} points`),
    )
    .filter((one) => one !== null);
}

function row(
  name: string,
  from: Value,
  to: Value,
  growth: Growth,
  format: (value: number) => string,
  formatChange: (value: number) => string,
): DeltaRow | null {
  if (from == null && to == null) return null;
  const texts = { name, from: from == null ? "–" : format(from), to: to == null ? "–" : format(to) };
  if (from == null || to == null) return { ...texts, change: "", tone: "idle" };
  const change = to - from;
  if (change === 0) return { ...texts, change: "the same", tone: "idle" };
  const sign = change > 0 ? "+" : "−";
  const isBetter = growth === "better" ? change > 0 : change < 0;
  const tone = growth === "neither" ? "idle" : isBetter ? "good" : "bad";
  const word = growth === "neither" ? "" : isBetter ? " better" : " worse";
  return { ...texts, change: `${sign}${formatChange(Math.abs(change))}${word}`, tone };
}

function words(name: string, change: string, tone: Tone): DeltaRow {
  return { name, from: "", to: "", change, tone };
}

/** What a program before or behind the model would notice. */
export function outputChanges({
  labels,
  isPreprocessingChanged,
  variants,
  from,
  to,
}: ReleaseComparison): string[] {
  const { added, removed, moved } = labels;
  const types = variants.flatMap((one) =>
    one.from !== null && one.to !== null && one.from.outputDtype !== one.to.outputDtype
      ? [`${one.id}: outputs are ${one.to.outputDtype} instead of ${one.from.outputDtype}`]
      : [],
  );
  const bound = (least: number | null) =>
    least === null ? "always" : `at ${percent(least, 0)} confidence or more`;
  return [
    ...(removed.length > 0 ? [`Classes that are gone: ${removed.join(", ")}`] : []),
    ...(added.length > 0 ? [`New classes: ${added.join(", ")}`] : []),
    ...(moved.length > 0
      ? [
          `Classes at another place: ${moved.map((one) => `${one.label} (${one.from} → ${one.to})`).join(", ")}`,
        ]
      : []),
    ...(isPreprocessingChanged ? ["Inputs are prepared in another way"] : []),
    ...(from.minConfidence === to.minConfidence
      ? []
      : [`Devices act alone ${bound(to.minConfidence)}; before: ${bound(from.minConfidence)}`]),
    ...types,
    ...variants.filter((one) => one.from === null).map(({ id }) => `New variant: ${id}`),
    ...variants
      .filter((one) => one.to === null)
      .map(({ id }) => `Variant that is gone: ${id}; its devices get nothing`),
  ];
}
