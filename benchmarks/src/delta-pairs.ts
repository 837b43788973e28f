import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { ParamsLayout } from "@mote/protocol";
import { perturbModel } from "@mote/protocol/node";
import { compileGraph } from "@mote/toolchain/emit/compile";
import { modelBytes, readModel } from "@mote/toolchain/formats/index";
import type { Graph } from "@mote/toolchain/graph/graph";
import { quantizeGraph } from "@mote/toolchain/quantize/index";
import { loadTarget } from "@mote/toolchain/targets/index";
import { loadDigits } from "@mote/toolchain/train/digits";

/** Updates whose bytes are compared. The same change in every container that carries it. */
export interface Pair {
  readonly name: string;
  /** All layers were really fine-tuned: a goal of its own. */
  readonly isFineTune: boolean;
  readonly base: Uint8Array;
  readonly next: Uint8Array;
  /** Of params.bin, what `mote compile` says of old and new. */
  readonly layouts: readonly ParamsLayout[];
}

const MODELS = resolve(import.meta.dirname, "../../toolchain/models/digits");
/** Of the codes; none is an update of biases alone. */
const SHARES = [0.01, 0.1, 0.5] as const;

/** The digit reader, fine-tuned for a meter's camera: its int8 files, rounded as ever and update-aware. */
export async function digitPairs(): Promise<Pair[]> {
  const { validation } = await loadDigits();
  const { graph: old } = await quantizeGraph(await readModel(`${MODELS}/digits-v1-pruned.onnx`), validation);
  const float = await readModel(`${MODELS}/digits-v2.onnx`);
  const { graph: plain } = await quantizeGraph(float, validation);
  const { graph: aware } = await quantizeGraph(float, validation, { previous: old });
  return [
    ...(await inEveryContainer("digits fine-tuned", old, plain, true)),
    ...(await inEveryContainer("digits update-aware", old, aware, false)),
  ];
}

/** References in which a share of the codes moved by a normal step of deviation 1.5: no training, a documented change. */
export async function perturbedPairs(data: string, seed: number): Promise<Pair[]> {
  if (!existsSync(`${data}/mlperf-tiny`)) {
    process.stderr.write("perturbed KWS and VWW: skipped, no MLPerf Tiny models (set MOTE_DATA)\n");
    return [];
  }
  const folder = await mkdtemp(join(tmpdir(), "mote-pairs-"));
  const pairs: Pair[] = [];
  try {
    for (const model of ["kws", "vww"]) {
      const file = `${data}/mlperf-tiny/${model}_int8.tflite`;
      const base = new Uint8Array(await readFile(file));
      const old = await readModel(file);
      for (const share of SHARES) {
        const next = perturbModel(base, seed, share);
        const name = `${model}, ${100 * share} % of codes`;
        pairs.push({ name: `${name}, .tflite`, isFineTune: false, base, next, layouts: [] });
        const perturbed = join(folder, "perturbed.tflite");
        await writeFile(perturbed, next);
        const graph = await readModel(perturbed);
        const [, ...others] = await inEveryContainer(name, old, graph, false);
        pairs.push(...others);
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return pairs;
}

async function inEveryContainer(name: string, old: Graph, next: Graph, isFineTune: boolean): Promise<Pair[]> {
  const file = async (kind: string): Promise<Pair> => ({
    name: `${name}, ${kind}`,
    isFineTune,
    base: await modelBytes(old, `model${kind}`),
    next: await modelBytes(next, `model${kind}`),
    layouts: [],
  });
  const params = (core: string, target: string): Pair => {
    const [base, made] = [old, next].map((graph) => compileGraph(graph, loadTarget(target)));
    return {
      name: `${name}, params ${core}`,
      isFineTune,
      base: base!.params,
      next: made!.params,
      layouts: [base!.layout, made!.layout],
    };
  };
  return [await file(".tflite"), await file(".onnx"), params("m4", "cortex-m4f"), params("m0", "cortex-m0")];
}
