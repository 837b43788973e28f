import type { Dataset } from "../../data/dataset.js";
import { type Evaluation, evaluateModel } from "../../evaluate/evaluate.js";
import { openRunnable } from "../../execute/runnable.js";
import type { Graph } from "../../graph/graph.js";
import { fidelityMeasurer } from "./fidelity.js";
import type { UpdateOptions, UpdatePoint, UpdateReport } from "./options.js";
import { PRICES, placesAround, risingFit, searchPrices } from "./price-search.js";
import { openRounder } from "./rounder.js";

/** Progress is counted in prices; a search mostly takes so many. */
const USUAL_ATTEMPTS = 7;

interface Attempt {
  readonly graph: Graph;
  readonly evaluation: Evaluation;
  readonly point: UpdatePoint;
}

export interface Update {
  readonly graph: Graph;
  readonly report: UpdateReport;
}

/** A fleet's model and its successor: any number of bounds can be asked for, what was tried is kept. */
export interface UpdateStudy {
  within(maxLossPoints: number): Promise<Update>;
}

/**
 * Quantizes a new float model so that it differs little from the quantized one that devices hold: activation scales are
 * the old ones, weight codes move only where the logits gain by it. The rounding is fitted to `dataset`, whose labels it
 * does not see; `validation` chooses how far it goes.
 */
export async function openUpdate(
  graph: Graph,
  old: Graph,
  plain: Graph,
  dataset: Dataset,
  options: Omit<UpdateOptions, "maxLossPoints">,
): Promise<UpdateStudy> {
  const rounder = await openRounder(graph, old, dataset, options);
  const evaluate = await evaluator(graph, options.validation);
  const fidelity = await fidelityMeasurer(graph, old, options);
  const plainEvaluation = await evaluate(plain);
  const plainAccuracy = plainEvaluation.accuracy!;
  const plainPatchBytes = await options.patchBytes?.(plain);
  const attempts = new Map<number, Attempt>();
  const attempt = async (place: number): Promise<Attempt> => {
    const known = attempts.get(place);
    if (known !== undefined) return known;
    const lambda = PRICES[place]!;
    const { graph: candidate, update } = await rounder.round(lambda);
    const evaluation = await evaluate(candidate);
    const patchBytes = await options.patchBytes?.(candidate);
    const accuracy = evaluation.accuracy!;
    const made = {
      graph: candidate,
      evaluation,
      point: {
        lambda,
        residualBytes: Math.ceil(update.residualBits / 8),
        ...(patchBytes !== undefined && { patchBytes }),
        changedShare: update.changedWeights / update.weights,
        accuracy,
        smoothedAccuracy: accuracy,
        fidelity: await fidelity(candidate),
      },
    };
    attempts.set(place, made);
    options.progress?.(Math.min(attempts.size, USUAL_ATTEMPTS - 1), USUAL_ATTEMPTS);
    return made;
  };
  return {
    async within(maxLossPoints) {
      // A loss of exactly the bound is within it, whatever the last bit of the difference says.
      const floor = plainAccuracy - maxLossPoints / 100 - 1e-9;
      const isGood = ({ accuracy, smoothedAccuracy, fidelity: arrives }: UpdatePoint): boolean =>
        Math.min(accuracy, smoothedAccuracy) >= floor && arrives >= options.leastFidelity;
      await searchPrices(async (place) => isGood((await attempt(place)).point));
      if (options.wholeCurve === true)
        for (const place of placesAround([...attempts.keys()])) await attempt(place);
      const tried = smoothed(attempts);
      const chosen = tried.find(({ point }) => isGood(point)) ?? tried.at(-1)!;
      const withinLoss = isGood(chosen.point);
      return {
        graph: withinLoss ? chosen.graph : plain,
        report: {
          chosen: chosen.point,
          curve: tried.map(({ point }) => point),
          plainAccuracy,
          ...(plainPatchBytes !== undefined && { plainPatchBytes }),
          maxLossPoints,
          validationSamples: options.validation.count,
          measure: options.validation.labels === undefined ? "agreement" : "accuracy",
          perClass: perClass(plainEvaluation, chosen.evaluation),
          withinLoss,
        },
      };
    },
  };
}

/** From the dearest bit to the cheapest, along which accuracy can only rise. */
function smoothed(attempts: ReadonlyMap<number, Attempt>): Attempt[] {
  const tried = [...attempts].sort(([a], [b]) => a - b).map(([, made]) => made);
  const fit = risingFit(tried.map(({ point }) => point.accuracy));
  return tried.map((made, i) => ({ ...made, point: { ...made.point, smoothedAccuracy: fit[i]! } }));
}

/** Accuracy, or agreement with the float model where there are no labels. */
export async function evaluator(
  graph: Graph,
  validation: Dataset,
): Promise<(candidate: Graph) => Promise<Evaluation>> {
  const labels = validation.labels ?? (await evaluateModel(openRunnable(graph), validation)).predicted;
  return (candidate) => evaluateModel(openRunnable(candidate), { ...validation, labels });
}

function perClass(plain: Evaluation, update: Evaluation): UpdateReport["perClass"] {
  return Object.fromEntries(
    Object.entries(plain.perClass ?? {}).map(([name, { recall, samples }]) => [
      name,
      { plain: recall, update: update.perClass?.[name]?.recall ?? null, samples },
    ]),
  );
}
