import { type Dataset, spread } from "../../data/dataset.js";
import type { Graph } from "../../graph/graph.js";
import { buildQuantized } from "../assign.js";
import type { ActivationSource } from "../calibrate.js";
import { logitSensitivity } from "./importance.js";
import { roundJointly } from "./joint.js";
import { type LayerProblem, layerProblems } from "./layer-problem.js";
import { copyState, type RoundedUpdate, realGraph, updateOf } from "./layer-state.js";
import { linearize } from "./linearize.js";
import { logitsOf } from "./logits.js";
import { matchPrevious } from "./previous.js";
import { roundLayer } from "./round-layer.js";

/** Unlabelled samples from which the layers' own statistics come. */
const STATISTICS_SAMPLES = 128;
/** Unlabelled samples that all layers are rounded for together, at most, and directions in the logits of each. */
const JOINT_SAMPLES = 384;
const PROBES = 2;
/** Derivatives held at once, four bytes each; larger models are rounded for fewer samples. */
const MOST_DERIVATIVES = 40_000_000;
/** Fewer samples than this say too little: each layer is then rounded for itself. */
const FEWEST_SAMPLES = 32;
/** The logits are linearized anew where the rounding before has led. */
const ROUNDS = 2;
/** Share of the layers' own loss, against learning the samples by heart. */
const ANCHOR = 0.3;

export interface RoundedGraph {
  readonly graph: Graph;
  readonly update: RoundedUpdate;
}

/** Rounds `graph` (simplified floats) towards the fleet's model at any price of a bit. */
export interface Rounder {
  round(lambda: number): Promise<RoundedGraph>;
}

export async function openRounder(
  graph: Graph,
  old: Graph,
  dataset: Dataset,
  { activations }: { readonly activations: ActivationSource },
): Promise<Rounder> {
  const previous = matchPrevious(graph, old);
  const few = spread(dataset, STATISTICS_SAMPLES);
  const sensitivity = await logitSensitivity(graph, few);
  const problems = await layerProblems(graph, previous, few, activations, sensitivity);
  const joint = spread(dataset, jointSamples(problems));
  const wanted = await logitsFor(graph, joint, activations);
  return {
    async round(lambda) {
      let states = problems.map((problem) => roundLayer(problem, lambda));
      let before = { states, power: Number.POSITIVE_INFINITY };
      for (let seed = 1; seed <= ROUNDS && joint.count >= FEWEST_SAMPLES; seed++) {
        const linear = await linearize(realGraph(graph, states), joint, wanted, {
          probes: PROBES,
          seed,
          activations: previous.activations,
        });
        const power = meanSquare(linear.residual);
        // The logits did not follow their tangent: what was found along it is worth nothing.
        if (power > before.power) {
          states = before.states;
          break;
        }
        before = { states: states.map(copyState), power };
        roundJointly(states, linear, { lambda, anchor: ANCHOR });
      }
      const update = updateOf(states);
      return { graph: buildQuantized(graph, previous.activations, update.layers, "int8"), update };
    },
  };
}

function meanSquare(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value * value, 0) / values.length;
}

function jointSamples(problems: readonly LayerProblem[]): number {
  const parameters = problems.reduce(
    (sum, { previous }) => sum + previous.codes.length + previous.scale.length,
    0,
  );
  return Math.max(1, Math.min(JOINT_SAMPLES, Math.floor(MOST_DERIVATIVES / PROBES / parameters)));
}

async function logitsFor(graph: Graph, dataset: Dataset, source: ActivationSource): Promise<Float32Array> {
  const name = logitsOf(graph);
  let all = new Float32Array(0);
  for (let i = 0; i < dataset.count; i++) {
    const logits = (await source(dataset.sample(i))).get(name)!;
    if (i === 0) all = new Float32Array(dataset.count * logits.length);
    all.set(logits, i * logits.length);
  }
  return all;
}
