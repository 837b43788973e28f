import type { Dataset } from "../data/dataset.js";
import { SignalToNoise } from "../evaluate/index.js";
import { openFloat } from "../execute/float.js";
import type { Graph } from "../graph/graph.js";
import type { ActivationSource } from "./calibrate.js";

/** Samples on which recipes are compared. */
const COMPARED_SAMPLES = 32;

/** The outputs that count for comparisons: before a softmax, which hides errors of confident answers. */
export function logitsOf(graph: Graph): string {
  const output = graph.outputs[0]!;
  const maker = graph.operators.find(({ outputs }) => outputs.includes(output));
  const isSoftmax = maker?.kind === "softmax" || maker?.kind === "logSoftmax";
  return isSoftmax ? maker.inputs[0]! : output;
}

/** What the float model answers on some of the calibration samples, to hold candidates against. */
export class Reference {
  private constructor(
    /** Name of the tensor that is compared. */
    readonly tensor: string,
    private readonly input: string,
    private readonly samples: readonly Float32Array[],
    private readonly outputs: readonly Float32Array[],
    /** Which samples of the set these are. */
    readonly indices: ReadonlySet<number>,
  ) {}

  /** `most` samples, evenly spread over the set, and not more than half of it. */
  static async of(
    graph: Graph,
    dataset: Dataset,
    source: ActivationSource,
    most: number = COMPARED_SAMPLES,
  ): Promise<Reference> {
    const count = Math.min(Math.ceil(dataset.count / 2), most);
    const tensor = logitsOf(graph);
    const samples: Float32Array[] = [];
    const outputs: Float32Array[] = [];
    const indices = Array.from({ length: count }, (_, i) => Math.floor((i * dataset.count) / count));
    for (const index of indices) {
      const sample = dataset.sample(index);
      samples.push(sample);
      outputs.push((await source(sample)).get(tensor)!);
    }
    return new Reference(tensor, graph.inputs[0]!, samples, outputs, new Set(indices));
  }

  /**
   * Signal over noise in dB of a wholly or partly quantized graph, as ONNX Runtime computes it from the same codes: its
   * results differ from the exact integers by a step here and there, which no comparison depends on, and come sooner.
   */
  async noiseOf(candidate: Graph): Promise<number> {
    // Not fused: the codes' real numbers go through float operators, in every mixture of widths, and sooner.
    const model = await openFloat(candidate, { keep: [this.tensor], fuse: false });
    const noise = new SignalToNoise();
    try {
      for (const [i, sample] of this.samples.entries()) {
        const result = (await model.run(new Map([[this.input, sample]]))).get(this.tensor)!;
        noise.add(this.outputs[i]!, result as Float32Array);
      }
    } finally {
      await model.release();
    }
    return noise.decibels;
  }
}
