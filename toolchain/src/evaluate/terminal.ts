import Table from "cli-table3";
import type { Evaluation } from "./evaluate.js";
import type { LayerError } from "./layers.js";
import type { SliceScore } from "./slices.js";

/** An evaluation as tables for a terminal. */
export function renderEvaluation(result: Evaluation): string {
  const parts = [`${result.samples} samples`];
  if (result.accuracy !== undefined) parts.push(`accuracy ${percent(result.accuracy)}`);
  if (result.againstAccuracy !== undefined) parts.push(`the other model ${percent(result.againstAccuracy)}`);
  if (result.agreement !== undefined) parts.push(`same answer on ${percent(result.agreement)}`);
  if (result.outputSqnrDb !== undefined) parts.push(`output noise ${decibels(result.outputSqnrDb)}`);
  const lines = [parts.join(", ")];
  if (result.suspects !== undefined) lines.push(describeSuspect(result.suspects));
  if (result.perClass !== undefined && result.confusion !== undefined) lines.push(confusion(result));
  for (const [name, scores] of Object.entries(result.slices ?? {})) lines.push(slices(name, scores));
  if (result.layers !== undefined) lines.push(layers(result.layers));
  return lines.join("\n");
}

/** Where to look first. */
export function describeSuspect(suspects: readonly LayerError[]): string {
  const [worst, next] = suspects;
  if (worst === undefined) return "no layer loses enough to change answers";
  const second =
    next === undefined ? "" : `; next ${next.operator} "${next.tensor}", ${decibels(next.lossDb)}`;
  return `most is lost in ${worst.operator} "${worst.tensor}": ${decibels(worst.inputSqnrDb)} before it, ${decibels(worst.sqnrDb)} after${second}`;
}

function confusion({ perClass, confusion }: Evaluation): string {
  const names = Object.keys(perClass!);
  const table = new Table({
    head: ["true \\ said", ...names, "recall", "precision"],
    style: { head: [], border: [] },
  });
  names.forEach((name, row) => {
    const { recall, precision } = perClass![name]!;
    table.push([name, ...confusion![row]!.map(String), percent(recall), percent(precision)]);
  });
  return table.toString();
}

function slices(name: string, scores: Readonly<Record<string, SliceScore>>): string {
  const table = new Table({
    head: [name, "samples", "accuracy", "95 % interval", "other model", "same answer"],
    colAligns: ["left", "right", "right", "right", "right", "right"],
    style: { head: [], border: [], compact: true },
  });
  for (const [part, score] of Object.entries(scores)) {
    const interval =
      score.accuracyLow === undefined
        ? "-"
        : `${percent(score.accuracyLow)} - ${percent(score.accuracyHigh)}`;
    table.push([
      score.isWorse === true ? `${part} (worse than the whole)` : part,
      String(score.samples),
      percent(score.accuracy),
      interval,
      percent(score.againstAccuracy),
      percent(score.agreement),
    ]);
  }
  return table.toString();
}

function layers(errors: readonly LayerError[]): string {
  const table = new Table({
    head: ["tensor", "operator", "SQNR", "lost here", "greatest error"],
    colAligns: ["left", "left", "right", "right", "right"],
    style: { head: [], border: [], compact: true },
  });
  for (const { tensor, operator, sqnrDb, lossDb, greatestError } of errors) {
    table.push([
      shorten(tensor),
      operator,
      decibels(sqnrDb),
      lossDb === 0 ? "" : `${lossDb.toFixed(1)} dB`,
      greatestError?.toPrecision(3) ?? "rescaled",
    ]);
  }
  return table.toString();
}

/** Converters pile up names of everything that was fused; the end tells more than the beginning. */
function shorten(name: string): string {
  return name.length > 60 ? `…${name.slice(-59)}` : name;
}

function percent(share: number | null | undefined): string {
  return share === null || share === undefined ? "-" : `${(100 * share).toFixed(2)} %`;
}

function decibels(value: number | null): string {
  return value === null ? "none" : `${value.toFixed(1)} dB`;
}
