import { makeFullPatch } from "@mote/protocol";
import { makePatch, nodeSha256 } from "@mote/protocol/node";
import type { Dataset } from "@mote/toolchain/data/index";
import { evaluateModel } from "@mote/toolchain/evaluate/index";
import { openRunnable } from "@mote/toolchain/execute/runnable";
import { modelBytes } from "@mote/toolchain/formats/index";
import type { Graph } from "@mote/toolchain/graph/graph";
import { activationSource } from "@mote/toolchain/quantize/float-source";
import { quantizeGraph } from "@mote/toolchain/quantize/index";
import { openUpdate } from "@mote/toolchain/quantize/update-aware/update";
import { simplify } from "@mote/toolchain/transform/index";
import type { Ledger } from "./delta-ledger.js";
import { type Mean, meanOf } from "./delta-statistics.js";

/** An update within a bound of loss: what it is, and what the validation split said of it. */
export interface Bounded {
  readonly graph: Graph;
  readonly withinLoss: boolean;
  readonly plainAccuracy: number;
  readonly accuracy: number;
}

/** The update that keeps a bound of loss, in points. */
export type Within = (maxLossPoints: number) => Promise<Bounded>;

/** `plain`: the new model quantized plainly. */
export type Opened = (float: Graph, plain: Graph, seed: number) => Promise<Within>;

/** A model in the field, one new model a seed, and the data that choose and judge. */
export interface UpdateStudy {
  readonly name: string;
  /** What devices hold, quantized. */
  readonly old: Graph;
  /** The new float model of a seed. */
  readonly next: (seed: number) => Promise<Graph>;
  /** Unlabelled: ranges, statistics and what the rounding is fitted to. */
  readonly calibration: Dataset;
  /** Chooses how far the rounding goes. */
  readonly validation: Dataset;
  /** How much of the change of the logits must arrive beside the accuracy; none where the validation samples tell enough. */
  readonly leastFidelity?: number;
  /** The study that is given the same new models, where there is one. */
  readonly modelsOf?: string;
  /** Makes the update otherwise than by rounding alone. */
  readonly open?: Opened;
  /** Reports; nothing is chosen by it. Without labels, agreement with the new float model is reported. */
  readonly test: Dataset;
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
  /** The same on the validation split, which chose. */
  readonly validationLossPoints: number;
  /** Of what devices hold, at the new model's task. */
  readonly oldAccuracy: number;
  readonly plainAccuracy: number;
  readonly updateAccuracy: number;
  readonly withinLoss: boolean;
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
  ledger: Ledger,
): Promise<UpdateRow[]> {
  const runs: UpdateRun[] = [];
  for (const seed of seeds) {
    runs.push(
      ...(await ledger.keep(`${study.name}, seed ${seed}`, () => runSeed(study, seed, bounds, ledger))),
    );
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

async function runSeed(
  study: UpdateStudy,
  seed: number,
  bounds: readonly number[],
  ledger: Ledger,
): Promise<UpdateRun[]> {
  const float = await ledger.model(`${study.modelsOf ?? study.name} ${seed}`, () => study.next(seed));
  const plain = await plainOf(study, float);
  const judge = await judgeOf(study, float);
  const within =
    (await study.open?.(float, plain, seed)) ?? (await roundingOf(study, float, study.old, plain));
  const oldAccuracy = meanOf(await judge(study.old)).mean;
  const plainAccuracy = meanOf(await judge(plain)).mean;
  const runs: UpdateRun[] = [];
  for (const maxLossPoints of bounds) {
    const { graph, withinLoss, ...onValidation } = await within(maxLossPoints);
    const updateAccuracy = meanOf(await judge(graph)).mean;
    runs.push({
      seed,
      maxLossPoints,
      ...(await sizesOf(study.old, plain, graph)),
      lossPoints: 100 * (plainAccuracy - updateAccuracy),
      validationLossPoints: 100 * (onValidation.plainAccuracy - onValidation.accuracy),
      oldAccuracy,
      plainAccuracy,
      updateAccuracy,
      withinLoss,
    });
  }
  return runs;
}

async function plainOf({ calibration }: UpdateStudy, float: Graph): Promise<Graph> {
  return (await quantizeGraph(float, calibration, { equalize: false })).graph;
}

/** For each sample of the test split 1 where the answer is right, else 0. */
async function judgeOf(
  { test }: UpdateStudy,
  float: Graph,
): Promise<(graph: Graph) => Promise<readonly number[]>> {
  const labels = test.labels ?? (await evaluateModel(openRunnable(simplify(float)), test)).predicted;
  return async (graph) => {
    const { predicted } = await evaluateModel(openRunnable(graph), test);
    return Array.from(predicted, (answer, i) => (answer === labels[i] ? 1 : 0));
  };
}

/** By rounding alone. */
export async function roundingOf(
  { calibration, validation, leastFidelity = 0 }: UpdateStudy,
  float: Graph,
  held: Graph,
  plain: Graph,
): Promise<Within> {
  const simple = simplify(float);
  const rounding = await openUpdate(simple, held, plain, calibration, {
    leastFidelity,
    validation,
    activations: activationSource(simple),
  });
  return async (maxLossPoints) => {
    const { graph, report } = await rounding.within(maxLossPoints);
    const { withinLoss, plainAccuracy, chosen } = report;
    return { graph, withinLoss, plainAccuracy, accuracy: chosen.accuracy };
  };
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

export interface ChainLink {
  readonly link: number;
  readonly patchBytes: number;
  readonly fileBytes: number;
  readonly plainPatchBytes: number;
  /** Plainly quantized minus held by the fleet, in points, over the samples of the test split. */
  readonly lossPoints: number;
  readonly lossInterval: number;
}

/** Update after update, each rounded against what the fleet holds by then, never against what was validated. */
export async function studyChain(
  study: UpdateStudy,
  links: number,
  maxLossPoints: number,
  ledger: Ledger,
): Promise<ChainLink[]> {
  const chain: ChainLink[] = [];
  let held = study.old;
  for (let link = 1; link <= links; link++) {
    const float = await ledger.model(`${study.name} ${link}`, () => study.next(link));
    const step = async (): Promise<ChainLink> => {
      const plain = await plainOf(study, float);
      const judge = await judgeOf(study, float);
      const { graph } = await (await roundingOf(study, float, held, plain))(maxLossPoints);
      const { patchBytes, plainPatchBytes, fileBytes } = await sizesOf(held, plain, graph);
      const [before, after] = [await judge(plain), await judge(graph)];
      const { mean, interval } = meanOf(before.map((right, i) => 100 * (right - after[i]!)));
      await ledger.replaceModel(`chain ${link}`, graph);
      return { link, patchBytes, plainPatchBytes, fileBytes, lossPoints: mean, lossInterval: interval! };
    };
    chain.push(await ledger.keep(`chain of ${study.name}, ${link}`, step));
    held = await ledger.readModel(`chain ${link}`);
  }
  return chain;
}
