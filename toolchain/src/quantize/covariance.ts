import type { Graph } from "../graph/graph.js";
import { fieldIndex, receptiveFields, type Values } from "./input-statistics.js";
import { channelCount, type Linear } from "./linear.js";

/** Share of the mean variance that is added to the diagonal, so that directions never seen cost something. */
const DAMPING = 0.01;
/** Fields of one sample that are used at most; neighbours in an image say nearly the same. */
const FIELDS_PER_SAMPLE = 64;

/** Sums of x and x x' over the receptive fields of one group of input channels. */
interface Block {
  /** Elements of the receptive field that this block is made of. */
  readonly elements: Int32Array;
  readonly sum: Float64Array;
  readonly products: Float64Array;
}

/**
 * Mean and centred covariance of what a layer's weights are multiplied with. Channels that read the same inputs share a
 * block: one for a plain convolution, one per group or depthwise channel otherwise.
 */
export class InputCovariance {
  readonly #blocks: Block[] = [];
  readonly #blockOf: Int32Array;
  #count = 0;
  #samples = 0;
  readonly #graph: Graph;
  readonly #layer: Linear;

  constructor(graph: Graph, layer: Linear) {
    this.#graph = graph;
    this.#layer = layer;
    const weights = graph.tensors.get(layer.inputs[1]!)!;
    const channels = channelCount(layer, weights);
    const taps = weights.data!.length / channels;
    const at = fieldIndex(graph, layer);
    const known = new Map<number, number>();
    this.#blockOf = Int32Array.from({ length: channels }, (_, channel) => {
      const first = at(channel, 0);
      let index = known.get(first);
      if (index === undefined) {
        index = this.#blocks.length;
        known.set(first, index);
        const elements = Int32Array.from({ length: taps }, (_, tap) => at(channel, tap));
        this.#blocks.push({
          elements,
          sum: new Float64Array(taps),
          products: new Float64Array(taps * taps),
        });
      }
      return index;
    });
  }

  observe(values: Float32Array): void {
    const { visit } = receptiveFields(this.#graph, this.#layer);
    const shape = this.#graph.tensors.get(this.#layer.outputs[0]!)!.shape;
    const positions = this.#layer.kind === "fullyConnected" ? 1 : shape[1]! * shape[2]!;
    const every = Math.max(1, Math.floor(positions / FIELDS_PER_SAMPLE));
    // A varying offset, so that not the same columns of the image are taken from every sample.
    let position = this.#samples++;
    visit(values, (field) => {
      if (position++ % every !== 0) return;
      this.#count++;
      for (const block of this.#blocks) addField(block, field);
    });
  }

  /** The covariance for the taps of `channel`, row-major, damped. */
  covariance(): (channel: number) => Float64Array {
    const matrices = this.#blocks.map((block) => this.#centred(block));
    return (channel) => matrices[this.#blockOf[channel]!]!;
  }

  /** Mean input of each tap of `channel`. */
  means(): (channel: number) => Float64Array {
    const means = this.#blocks.map((block) => block.sum.map((sum) => sum / Math.max(1, this.#count)));
    return (channel) => means[this.#blockOf[channel]!]!;
  }

  #centred({ sum, products }: Block): Float64Array {
    const n = sum.length;
    const count = Math.max(1, this.#count);
    const matrix = new Float64Array(n * n);
    let trace = 0;
    for (let i = 0; i < n; i++) {
      for (let j = 0; j <= i; j++) {
        const value = products[i * n + j]! / count - (sum[i]! / count) * (sum[j]! / count);
        matrix[i * n + j] = value;
        matrix[j * n + i] = value;
      }
      trace += matrix[i * n + i]!;
    }
    const damping = DAMPING * (trace > 0 ? trace / n : 1);
    for (let i = 0; i < n; i++) matrix[i * n + i]! += damping;
    return matrix;
  }
}

/** Lower triangle only: the matrix is symmetric. */
function addField({ elements, sum, products }: Block, field: Values): void {
  const n = elements.length;
  for (let i = 0; i < n; i++) {
    const value = field[elements[i]!]!;
    if (value === 0) continue;
    sum[i]! += value;
    const row = i * n;
    for (let j = 0; j <= i; j++) products[row + j]! += value * field[elements[j]!]!;
  }
}
