import type { Tensor } from "@tensorflow/tfjs";
import type { Dataset } from "../data/index.js";
import type { Graph } from "../graph/graph.js";
import { quantizeGraph } from "../quantize/index.js";
import type { Hooks } from "./differentiable.js";
import type { Training } from "./tensorflow.js";

/**
 * Hooks under which a model trains as if it were int8 already (Jacob et al. 2018): weights go through their channel's
 * grid, activations through the grid that calibration of the untrained model found. Rounding lets gradients pass
 * unchanged, clipping stops them.
 *
 * `graph` must be simplified: a batch norm that is folded later would move the grid.
 */
export async function quantizationAwareHooks(
  training: Training,
  graph: Graph,
  calibration: Dataset,
): Promise<Hooks> {
  const { graph: quantized } = await quantizeGraph(graph, calibration, { equalize: false });
  const depthwise = new Set(
    graph.operators.filter(({ kind }) => kind === "depthwiseConv2d").map(({ inputs }) => inputs[1]!),
  );
  return {
    weight(name, value) {
      if (value.rank < 2) return value;
      const inner = depthwise.has(name) ? 1 : value.size / value.shape[0]!;
      const channels = depthwise.has(name) ? value.shape.at(-1)! : value.shape[0]!;
      return onGrid(training, value, weightGrid(value.dataSync(), channels, inner));
    },
    activation(name, value) {
      const quantization = quantized.tensors.get(name)?.quantization;
      if (quantization === undefined) return value;
      const scale = quantization.scale[0]!;
      const zeroPoint = quantization.zeroPoint[0]!;
      return onGrid(training, value, { scaleAt: () => scale, low: -128 - zeroPoint, high: 127 - zeroPoint });
    },
  };
}

/** Codes count from the zero point: real = scale * code. */
interface Grid {
  readonly scaleAt: (index: number) => number;
  readonly low: number;
  readonly high: number;
}

function weightGrid(values: ArrayLike<number>, channels: number, inner: number): Grid {
  const scales = new Float64Array(channels);
  for (let i = 0; i < values.length; i++) {
    const channel = Math.floor(i / inner) % channels;
    scales[channel] = Math.max(scales[channel]!, Math.abs(values[i]!) / 127);
  }
  return { scaleAt: (index) => scales[Math.floor(index / inner) % channels]! || 1, low: -127, high: 127 };
}

/** Rounds to the grid; the gradient is 1 inside it and 0 where the value was clipped. */
function onGrid({ tf }: Training, value: Tensor, { scaleAt, low, high }: Grid): Tensor {
  const rounded = tf.customGrad((...args) => {
    const [input] = args as [Tensor];
    const values = input.dataSync();
    const result = new Float32Array(values.length);
    const passes = new Float32Array(values.length);
    for (let i = 0; i < values.length; i++) {
      const scale = scaleAt(i);
      const code = Math.round(values[i]! / scale);
      passes[i] = code >= low && code <= high ? 1 : 0;
      result[i] = Math.min(high, Math.max(low, code)) * scale;
    }
    return {
      value: tf.tensor(result, input.shape),
      gradFunc: (dy) => tf.mul(dy as Tensor, tf.tensor(passes, input.shape)),
    };
  });
  return rounded(value);
}
