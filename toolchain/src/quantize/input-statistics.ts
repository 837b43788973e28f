import type { Graph } from "../graph/graph.js";
import { elementCount } from "../graph/size.js";
import type { Linear } from "./linear.js";

/**
 * Mean of what each weight of a layer is multiplied with, over samples and output positions, padding included as zeros.
 * Samples are only added up as they stream by; because a mean of means is linear, the receptive fields are visited once,
 * on the sum.
 */
export class InputMeans {
  readonly #sums: Float64Array;
  #samples = 0;

  constructor(
    readonly graph: Graph,
    readonly layer: Linear,
  ) {
    this.#sums = new Float64Array(elementCount(graph.tensors.get(layer.inputs[0]!)!.shape));
  }

  observe(values: Float32Array): void {
    const sums = this.#sums;
    for (let i = 0; i < sums.length; i++) sums[i]! += values[i]!;
    this.#samples++;
  }

  /** Per element of the receptive field: [kh, kw, in] for convolutions (all groups), [kh, kw, in] for depthwise. */
  means(): Float64Array {
    const { size, visit } = receptiveFields(this.graph, this.layer);
    const means = new Float64Array(size);
    let fields = 0;
    visit(this.#sums, (field) => {
      for (let i = 0; i < size; i++) means[i]! += field[i]!;
      fields++;
    });
    return means.map((sum) => (fields === 0 ? 0 : sum / (fields * Math.max(1, this.#samples))));
  }
}

export type Values = Float32Array | Float64Array;

export interface ReceptiveFields {
  /** Elements of one field: kh * kw * input channels; the input's depth for fully-connected layers. */
  readonly size: number;
  /** Calls `take` with each field of one sample; the array is reused from call to call. */
  visit(values: Values, take: (field: Values) => void): void;
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
  const field = new Float64Array(size);
  const gather = (values: Values, top: number, left: number): void => {
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
