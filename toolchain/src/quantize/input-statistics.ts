import type { Graph } from "../graph/graph.js";
import type { Linear } from "./linear.js";

/**
 * Mean of what each weight of a layer is multiplied with, over samples and output positions, padding included as zeros.
 * Gathered while samples stream by: memory is one number per weight of one filter.
 */
export class InputMeans {
  readonly #sums: Float64Array;
  #count = 0;
  readonly #add: (values: Float32Array, sums: Float64Array) => number;

  constructor(graph: Graph, layer: Linear) {
    const { size, visit } = receptiveFields(graph, layer);
    this.#sums = new Float64Array(size);
    this.#add = (values, sums) => {
      let fields = 0;
      visit(values, (field) => {
        for (let i = 0; i < size; i++) sums[i]! += field[i]!;
        fields++;
      });
      return fields;
    };
  }

  observe(values: Float32Array): void {
    this.#count += this.#add(values, this.#sums);
  }

  /** Per element of the receptive field: [kh, kw, in] for convolutions (all groups), [kh, kw, in] for depthwise. */
  means(): Float64Array {
    return this.#sums.map((sum) => (this.#count === 0 ? 0 : sum / this.#count));
  }
}

export interface ReceptiveFields {
  /** Elements of one field: kh * kw * input channels; the input's depth for fully-connected layers. */
  readonly size: number;
  /** Calls `take` with each field of one sample; the array is reused from call to call. */
  visit(values: Float32Array, take: (field: Float32Array) => void): void;
}

/** The receptive fields of a layer, each [kh, kw, input channels] whatever the layer's groups. */
export function receptiveFields(graph: Graph, layer: Linear): ReceptiveFields {
  const x = graph.tensors.get(layer.inputs[0]!)!;
  const weights = graph.tensors.get(layer.inputs[1]!)!;
  if (layer.kind === "fullyConnected") {
    const size = weights.shape[1]!;
    return {
      size,
      visit(values, take) {
        for (let at = 0; at < values.length; at += size) take(values.subarray(at, at + size));
      },
    };
  }
  const [, height, width, channels] = x.shape as [number, number, number, number];
  const [, kernelH, kernelW] = weights.shape as [number, number, number, number];
  const y = graph.tensors.get(layer.outputs[0]!)!;
  const [, outHeight, outWidth] = y.shape as [number, number, number, number];
  const { strideH, strideW, dilationH, dilationW, padding } = layer.attributes;
  const size = kernelH * kernelW * channels;
  const field = new Float32Array(size);
  const gather = (values: Float32Array, top: number, left: number): void => {
    for (let ky = 0; ky < kernelH; ky++) {
      const row = top + ky * dilationH;
      for (let kx = 0; kx < kernelW; kx++) {
        const column = left + kx * dilationW;
        const to = (ky * kernelW + kx) * channels;
        if (row < 0 || row >= height || column < 0 || column >= width) {
          field.fill(0, to, to + channels);
        } else {
          const from = (row * width + column) * channels;
          field.set(values.subarray(from, from + channels), to);
        }
      }
    }
  };
  return {
    size,
    visit(values, take) {
      for (let row = 0; row < outHeight; row++) {
        for (let column = 0; column < outWidth; column++) {
          gather(values, row * strideH - padding.top, column * strideW - padding.left);
          take(field);
        }
      }
    },
  };
}

/** Element of the receptive field that tap `tap` of output channel `channel` reads. */
export function fieldIndex(graph: Graph, layer: Linear): (channel: number, tap: number) => number {
  if (layer.kind === "fullyConnected") return (_channel, tap) => tap;
  const channels = graph.tensors.get(layer.inputs[0]!)!.shape[3]!;
  if (layer.kind === "depthwiseConv2d") {
    const { multiplier } = layer.attributes;
    return (channel, tap) => tap * channels + Math.floor(channel / multiplier);
  }
  const weights = graph.tensors.get(layer.inputs[1]!)!;
  const depth = weights.shape[3]!;
  const filtersPerGroup = weights.shape[0]! / layer.attributes.groups;
  return (channel, tap) => {
    const group = Math.floor(channel / filtersPerGroup);
    return Math.floor(tap / depth) * channels + group * depth + (tap % depth);
  };
}
