import { makeFullPatch } from "@mote/protocol";
import { makePatch, nodeSha256 } from "@mote/protocol/node";
import { evaluateModel } from "@mote/toolchain/evaluate/index";
import { openRunnable } from "@mote/toolchain/execute/runnable";
import { modelBytes } from "@mote/toolchain/formats/index";
import type { Graph } from "@mote/toolchain/graph/graph";
import { quantizeGraph } from "@mote/toolchain/quantize/index";
import type { LabelledSamples } from "@mote/toolchain/train/digits";
import { type Mean, meanOf } from "./delta-statistics.js";

/** A model in the field, one new model a seed, and the data that choose and judge. */
export interface UpdateStudy {
  readonly name: string;
  /** What devices hold, quantized. */
  readonly old: Graph;
  /** The new float model of a seed. */
  readonly next: (seed: number) => Promise<Graph>;
  readonly calibration: LabelledSamples;
  /** Chooses the rounding. */
  readonly validation: LabelledSamples;
  /** Reports; nothing is chosen by it. */
  readonly test: LabelledSamples;
}

/** Of one seed at one bound of loss. */
export interface UpdateRun {
  readonly seed: number;
  readonly maxLossPoints: number;
  readonly fileBytes: number;
  readonly patchBytes: number;
  readonly plainPatchBytes: number;
  /** The new model without the old one: the best lossless compression. */
  readonly fullBytes: number;
  /** On the test split, in points: plainly quantized minus update-aware, the same samples. */
  readonly lossPoints: number;
  readonly plainAccuracy: number;
  readonly updateAccuracy: number;
}

export interface UpdateRow {
  readonly update: string;
  readonly maxLossPoints: number;
  readonly patchShare: Mean;
  readonly plainShare: Mean;
  readonly fullShare: Mean;
  readonly lossPoints: Mean;
  readonly runs: readonly UpdateRun[];
}

export async function studyUpdates(
  study: UpdateStudy,
  seeds: readonly number[],
  bounds: readonly number[],
): Promise<UpdateRow[]> {
  const runs: UpdateRun[] = [];
  for (const seed of seeds) {
    const float = await study.next(seed);
    const plain = (await quantizeGraph(float, study.calibration, { equalize: false })).graph;
    const plainAccuracy = await accuracyOn(plain, study.test);
    for (const maxLossPoints of bounds) {
      const aware = (await updateOf(study, float, study.old, maxLossPoints)).graph;
      const updateAccuracy = await accuracyOn(aware, study.test);
      const sizes = await sizesOf(study.old, plain, aware);
      const lossPoints = 100 * (plainAccuracy - updateAccuracy);
      runs.push({ seed, maxLossPoints, ...sizes, lossPoints, plainAccuracy, updateAccuracy });
    }
  }
  return bounds.map((maxLossPoints) => {
    const mine = runs.filter((run) => run.maxLossPoints === maxLossPoints);
    const share = (bytes: (run: UpdateRun) => number): Mean =>
      meanOf(mine.map((run) => (100 * bytes(run)) / run.fileBytes));
    return {
      update: study.name,
      maxLossPoints,
      patchShare: share((run) => run.patchBytes),
      plainShare: share((run) => run.plainPatchBytes),
      fullShare: share((run) => run.fullBytes),
      lossPoints: meanOf(mine.map((run) => run.lossPoints)),
      runs: mine,
    };
  });
}

/** Accuracy alone bounds the update here: the validation samples show what the new model is for. */
function updateOf(
  { calibration, validation }: Pick<UpdateStudy, "calibration" | "validation">,
  float: Graph,
  previous: Graph,
  maxLossPoints: number,
): ReturnType<typeof quantizeGraph> {
  return quantizeGraph(float, calibration, { previous, maxLossPoints, leastFidelity: 0, validation });
}

async function sizesOf(
  old: Graph,
  plain: Graph,
  aware: Graph,
): Promise<Pick<UpdateRun, "fileBytes" | "patchBytes" | "plainPatchBytes" | "fullBytes">> {
  const bytes = (graph: Graph): Promise<Uint8Array> => modelBytes(graph, "model.tflite");
  const [base, next, plainNext] = [await bytes(old), await bytes(aware), await bytes(plain)];
  return {
    fileBytes: next.length,
    patchBytes: (await makePatch("tensor", base, next))!.length,
    plainPatchBytes: (await makePatch("tensor", base, plainNext))!.length,
    fullBytes: makeFullPatch(next, { sha256: nodeSha256 }).length,
  };
}

async function accuracyOn(graph: Graph, samples: LabelledSamples): Promise<number> {
  return (await evaluateModel(openRunnable(graph), samples)).accuracy!;
}

export interface ChainLink {
  readonly link: number;
  readonly patchBytes: number;
  readonly fileBytes: number;
  /** Plainly quantized minus held by the fleet, in points, on the test split. */
  readonly lossPoints: number;
}

/** Update after update, each rounded against what the fleet holds by then, never against what was validated. */
export async function studyChain(
  study: UpdateStudy,
  links: number,
  maxLossPoints: number,
): Promise<ChainLink[]> {
  const chain: ChainLink[] = [];
  let held = study.old;
  for (let link = 1; link <= links; link++) {
    const float = await study.next(link);
    const plain = (await quantizeGraph(float, study.calibration, { equalize: false })).graph;
    const aware = (await updateOf(study, float, held, maxLossPoints)).graph;
    const { patchBytes, fileBytes } = await sizesOf(held, plain, aware);
    const lossPoints = 100 * ((await accuracyOn(plain, study.test)) - (await accuracyOn(aware, study.test)));
    chain.push({ link, patchBytes, fileBytes, lossPoints });
    held = aware;
  }
  return chain;
}
