import { type Dataset, halves } from "../data/dataset.js";
import { UnsupportedError, UsageError } from "../errors.js";
import { hasIntegerKernel } from "../execute/integer/run.js";
import { openOnnxRuntime } from "../execute/onnx-runtime.js";
import type { Graph } from "../graph/graph.js";
import { simplify } from "../transform/index.js";
import { requireQuantizable } from "./assign.js";
import { withBorders } from "./borders.js";
import { type ActivationSource, calibrate } from "./calibrate.js";
import type { QuantizeOptions, QuantizeReport, RecipeStep, Scheme } from "./options.js";
import type { ActivationDType } from "./range.js";
import { chooseRounding, prepare } from "./recipe.js";
import { roundGraph } from "./round.js";
import { measureSensitivity } from "./sensitivity.js";
import { alignToPrevious } from "./update-aware/align.js";
import type { UpdateReport } from "./update-aware/options.js";
import { openUpdate, type Update } from "./update-aware/update.js";
import { describeWider, resolveKept, widenByRule } from "./wider.js";

/**
 * Post-training quantization to TFLite's 8-bit specification, or to its 16-bit activations with 8-bit weights; layers can
 * be kept wider. Calibration streams; its memory does not grow with the number of samples.
 */
export async function quantizeGraph(
  floatGraph: Graph,
  dataset: Dataset,
  options: QuantizeOptions = {},
): Promise<{ graph: Graph; report: QuantizeReport }> {
  const scheme = options.scheme ?? "int8";
  const dtype = ACTIVATIONS[scheme];
  requireOptionsThatGoTogether(options, dtype);
  requireFloat(floatGraph);
  const simple = simplify(floatGraph);
  const wider = resolveKept(floatGraph, simple, options.keep, dtype);
  requireKernels(simple, dtype, wider);
  const recipe: RecipeStep[] = [
    {
      step: "simplify",
      text: `${floatGraph.operators.length} operators simplified to ${simple.operators.length}: batch normalisation folded, activations fused`,
    },
  ];
  const aligned =
    options.previous === undefined ? { graph: simple, pairs: 0 } : alignToPrevious(simple, options.previous);
  if (aligned.pairs > 0) {
    const text = `channels between ${aligned.pairs} pairs of layers scaled as in the previous model, which had been equalized`;
    recipe.push({ step: "equalize", text });
  }
  const prepared = await prepare(aligned.graph, dataset, dtype, options);
  recipe.push(...prepared.steps);
  const { graph: float, source, reference } = prepared;
  const isMinMax = options.calibrate === "minmax" || dtype === "int16";
  const calibration = await calibrate(float, dataset, source, {
    ranges: isMinMax ? "minmax" : "all",
    withMeans: options.biasCorrect ?? true,
    setApart: reference.indices,
    withCovariances: options.adaround ?? false,
    ...(options.progress && { progress: options.progress }),
  });
  const seenBy = options.activations === undefined ? `, ${(await openOnnxRuntime()).note}` : "";
  recipe.push({ step: "calibrate", text: `${dataset.count} samples observed${seenBy}` });
  let bordered = withBorders(float, dtype, wider);
  const { rounding, steps } = await chooseRounding(bordered, calibration, reference, dtype, options);
  recipe.push(...steps);
  const isRuled = (options.keepWorst ?? 0) > 0 || options.leastSqnrDb !== undefined;
  const sensitivity =
    isRuled || options.sensitivity === true
      ? await measureSensitivity(float, calibration, reference, dtype, rounding, options.sensitivityProgress)
      : undefined;
  if (isRuled) {
    const widened = await widenByRule(float, dtype, wider, sensitivity!, options, (candidate) =>
      reference.noiseOf(roundGraph(candidate, calibration, rounding)),
    );
    bordered = widened.bordered;
    recipe.push(...widened.steps);
  }
  const kept = describeWider(bordered, dtype);
  if (kept.float.length > 0) recipe.push({ step: "keep", text: FLOAT_COSTS(kept.float) });
  if (options.adaround ?? false) {
    const text = "weights rounded so that each layer's output comes closest, not each weight";
    recipe.push({ step: "round", text });
  }
  const plain = roundGraph(bordered, calibration, rounding);
  const update =
    options.previous === undefined
      ? null
      : await roundUpdate(float, options.previous, plain, dataset, source, options);
  if (update !== null) recipe.push({ step: "update", text: describeUpdate(update.report) });
  const quantized = update?.graph ?? plain;
  return {
    graph: quantized,
    report: {
      scheme,
      rounding: "double",
      calibration: { method: rounding.method, samples: dataset.count },
      steps: recipe.map(({ text }) => text),
      recipe,
      kept,
      ...(sensitivity && { sensitivity }),
      parameterBytesBefore: parameterBytes(floatGraph),
      parameterBytesAfter: parameterBytes(quantized),
      ...(update && { update: update.report }),
    },
  };
}

/** Without a validation set of its own, every other sample judges and the rest are rounded for. */
async function roundUpdate(
  graph: Graph,
  previous: Graph,
  plain: Graph,
  dataset: Dataset,
  activations: ActivationSource,
  options: QuantizeOptions,
): Promise<Update> {
  const [fitted, apart] = options.validation === undefined ? halves(dataset) : [dataset, options.validation];
  const study = await openUpdate(graph, previous, plain, fitted, {
    leastFidelity: options.leastFidelity ?? DEFAULT_FIDELITY,
    validation: apart,
    activations,
    ...(options.patchBytes && { patchBytes: options.patchBytes }),
    wholeCurve: options.wholeCurve ?? false,
    ...(options.updateProgress && { progress: options.updateProgress }),
  });
  return study.within(options.maxLossPoints ?? DEFAULT_MAX_LOSS_POINTS);
}

const ACTIVATIONS: Record<Scheme, ActivationDType> = { int8: "int8", int16x8: "int16" };
const DEFAULT_MAX_LOSS_POINTS = 0.2;
const DEFAULT_FIDELITY = 0.95;

const FLOAT_COSTS = (names: readonly string[]): string =>
  `kept in floating point: ${names.map((name) => `"${name}"`).join(", ")}; float weights take four times the bytes, and no code is generated for such layers`;

/** What is computed must be float; weights may be codes already, quantized for their size alone ("dynamic range"). */
function requireFloat(graph: Graph): void {
  const quantized = [...graph.tensors.values()].find(
    ({ data, quantization }) => data === undefined && quantization !== undefined,
  );
  if (quantized === undefined) return;
  throw new UnsupportedError({
    expected: "a float model",
    got: `a model that is quantized already (${quantized.name} is ${quantized.dtype})`,
    todo: "Name the float model that it was made from; what devices hold goes to --previous.",
  });
}

function requireOptionsThatGoTogether(options: QuantizeOptions, dtype: ActivationDType): void {
  const isWider =
    (options.keepWorst ?? 0) > 0 ||
    options.leastSqnrDb !== undefined ||
    (options.keep?.int16.length ?? 0) + (options.keep?.float.length ?? 0) > 0;
  if (options.previous !== undefined && (isWider || dtype === "int16")) {
    throw new UsageError({
      expected: "an update of an int8 model without layers kept wider",
      got: dtype === "int16" ? "the scheme int16x8" : "layers to keep",
      todo: "Ship a model whose layers changed their width whole, without --previous.",
    });
  }
  const isRuled = (options.keepWorst ?? 0) > 0 || options.leastSqnrDb !== undefined;
  if (isRuled && dtype === "int16") {
    throw new UsageError({
      expected: "a rule for keeping activations at int16 with an int8 model",
      got: "the scheme int16x8, in which all are",
      todo: "Leave one of the two out.",
    });
  }
}

/** Names what has no integer form before any time is spent on calibration. */
function requireKernels(
  graph: Graph,
  dtype: ActivationDType,
  wider: Parameters<typeof withBorders>[2],
): void {
  const bordered = withBorders(graph, dtype, wider);
  requireQuantizable(
    bordered.graph,
    (name) => {
      const width = bordered.widthOf(name);
      return width === "float" ? null : width;
    },
    hasIntegerKernel,
  );
}

function describeUpdate({ chosen, plainAccuracy, measure, withinLoss, maxLossPoints }: UpdateReport): string {
  const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
  const bytes =
    chosen.patchBytes === undefined
      ? `about ${chosen.residualBytes} bytes of residuals`
      : `a patch of ${chosen.patchBytes} bytes`;
  const found = `${percent(chosen.changedShare)} of the weights differ from the previous model, ${bytes}; ${percent(chosen.fidelity)} of the change of the logits arrives; ${measure} ${percent(chosen.accuracy)} against ${percent(plainAccuracy)} without regard to it`;
  return withinLoss
    ? `update-aware: ${found}`
    : `update-aware rounding given up, it lost more than ${maxLossPoints} points or too much of the change: ${found}`;
}

export function parameterBytes(graph: Graph): number {
  let bytes = 0;
  for (const { data } of graph.tensors.values()) bytes += data?.byteLength ?? 0;
  return bytes;
}
