import type { Tensor4D } from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import { Random } from "../random.js";
import { openTensorFlow, type Training } from "../tensorflow.js";
import { batchNormTraining } from "./batch-norm.js";
import { type ConvolutionWindow, conv2d } from "./conv2d.js";
import { depthwiseConv2d } from "./depthwise-conv2d.js";
import { maxPool2d } from "./max-pool2d.js";

type Shape4 = [number, number, number, number];

function values(seed: number, shape: readonly number[]): Float32Array {
  const random = new Random(seed);
  return Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal());
}

function window(stride: number, dilation: number, pads: Shape4): ConvolutionWindow {
  const [top, bottom, left, right] = pads;
  return {
    strideH: stride,
    strideW: stride,
    dilationH: dilation,
    dilationW: dilation,
    padding: { top, bottom, left, right },
  };
}

/** Gradients of sum(f(x, w) * c) for a fixed random c, so that every output has a weight of its own. */
function gradients(
  { tf }: Training,
  shapes: readonly [Shape4, Shape4],
  f: (x: Tensor4D, w: Tensor4D) => Tensor4D,
): [Float32Array, Float32Array] {
  const x = tf.tensor4d(values(1, shapes[0]), shapes[0]);
  const w = tf.tensor4d(values(2, shapes[1]), shapes[1]);
  const [dx, dw] = tf.grads((a, b) => {
    const y = f(a as Tensor4D, b as Tensor4D);
    const weighted = tf.sum(tf.mul(y, tf.tensor4d(values(3, y.shape), y.shape)));
    // Some functions under test have no second argument; TensorFlow.js refuses a gradient that leads nowhere.
    return tf.add(weighted, tf.mul(tf.sum(b), 0));
  })([x, w]);
  return [Float32Array.from(dx!.dataSync()), Float32Array.from(dw!.dataSync())];
}

function expectClose(actual: Float32Array, expected: Float32Array): void {
  expect(actual.length).toBe(expected.length);
  const worst = actual.reduce((max, value, i) => Math.max(max, Math.abs(value - expected[i]!)), 0);
  const size = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  expect(worst / size).toBeLessThan(1e-5);
}

/** TensorFlow.js' own gradients on its reference backend. */
async function reference(
  shapes: readonly [Shape4, Shape4],
  w: ConvolutionWindow,
  isDepthwise: boolean,
): Promise<[Float32Array, Float32Array]> {
  const training = await openTensorFlow("cpu");
  const { tf } = training;
  const { padding } = w;
  return gradients(training, shapes, (x, filter) => {
    const padded = tf.pad(x, [
      [0, 0],
      [padding.top, padding.bottom],
      [padding.left, padding.right],
      [0, 0],
    ]);
    return isDepthwise
      ? tf.depthwiseConv2d(padded, filter, w.strideH, "valid")
      : tf.conv2d(padded, filter, w.strideH, "valid");
  });
}

describe("gradients on WebAssembly equal those of TensorFlow.js' reference backend", () => {
  const cases: { name: string; x: Shape4; w: Shape4; window: ConvolutionWindow }[] = [
    { name: "3x3, same padding", x: [2, 6, 5, 3], w: [3, 3, 3, 4], window: window(1, 1, [1, 1, 1, 1]) },
    {
      name: "3x3, stride 2, rows that no window reaches",
      x: [2, 8, 8, 2],
      w: [3, 3, 2, 5],
      window: window(2, 1, [0, 0, 0, 0]),
    },
    {
      name: "5x5, stride 2, uneven padding",
      x: [3, 9, 8, 1],
      w: [5, 5, 1, 4],
      window: window(2, 1, [1, 2, 2, 1]),
    },
    { name: "1x1, stride 3", x: [2, 7, 7, 4], w: [1, 1, 4, 3], window: window(3, 1, [0, 0, 0, 0]) },
    {
      name: "padding beyond the filter's reach",
      x: [1, 4, 4, 2],
      w: [2, 2, 2, 2],
      window: window(1, 1, [2, 3, 2, 2]),
    },
  ];
  for (const { name, x, w, window: shape } of cases) {
    it(`convolution ${name}`, async () => {
      const expected = await reference([x, w], shape, false);
      const training = await openTensorFlow("wasm");
      const actual = gradients(training, [x, w], (a, b) => conv2d(training, a, b, shape));
      expectClose(actual[0], expected[0]);
      expectClose(actual[1], expected[1]);
    });
  }

  const depthwise: { name: string; x: Shape4; w: Shape4; window: ConvolutionWindow }[] = [
    { name: "3x3, same padding", x: [2, 6, 5, 4], w: [3, 3, 4, 1], window: window(1, 1, [1, 1, 1, 1]) },
    {
      name: "3x3, stride 2, multiplier 2",
      x: [2, 7, 8, 3],
      w: [3, 3, 3, 2],
      window: window(2, 1, [0, 1, 0, 1]),
    },
  ];
  for (const { name, x, w, window: shape } of depthwise) {
    it(`depthwise convolution ${name}`, async () => {
      const expected = await reference([x, w], shape, true);
      const training = await openTensorFlow("wasm");
      const actual = gradients(training, [x, w], (a, b) => depthwiseConv2d(training, a, b, shape));
      expectClose(actual[0], expected[0]);
      expectClose(actual[1], expected[1]);
    });
  }

  it("max pooling with overlapping windows", async () => {
    const shapes: [Shape4, Shape4] = [
      [2, 7, 7, 3],
      [1, 1, 1, 1],
    ];
    const cpu = await openTensorFlow("cpu");
    const expected = gradients(cpu, shapes, (x) => cpu.tf.maxPool(x, 3, 2, "valid"));
    const wasm = await openTensorFlow("wasm");
    const pool = { ...window(2, 1, [0, 0, 0, 0]), kernelH: 3, kernelW: 3, activation: "none" as const };
    const actual = gradients(wasm, shapes, (x) => maxPool2d(wasm, x, pool));
    expectClose(actual[0], expected[0]);
  });
});

describe("gradients that TensorFlow.js does not have, against finite differences", () => {
  it("dilated convolution", async () => {
    const training = await openTensorFlow("wasm");
    const { tf } = training;
    const shape = window(1, 2, [2, 2, 2, 2]);
    const xShape: Shape4 = [1, 6, 6, 2];
    const wShape: Shape4 = [3, 3, 2, 2];
    const [, dw] = gradients(training, [xShape, wShape], (a, b) => conv2d(training, a, b, shape));
    const x = tf.tensor4d(values(1, xShape), xShape);
    const loss = (weights: Float32Array): number => {
      const y = conv2d(training, x, tf.tensor4d(weights, wShape), shape);
      return tf.sum(tf.mul(y, tf.tensor4d(values(3, y.shape), y.shape))).dataSync()[0]!;
    };
    const step = 0.01;
    for (const index of [0, 7, 20, 35]) {
      const up = values(2, wShape);
      const down = values(2, wShape);
      up[index]! += step;
      down[index]! -= step;
      expect((loss(up) - loss(down)) / (2 * step)).toBeCloseTo(dw[index]!, 2);
    }
  });

  it("batch norm in training mode, whose statistics are the batch's", async () => {
    const training = await openTensorFlow("wasm");
    const { tf } = training;
    const shape: Shape4 = [3, 2, 2, 2];
    const scale = tf.tensor1d([1.5, 0.5]);
    const shift = tf.tensor1d([0.1, -0.2]);
    let seen = 0;
    const f = (x: Float32Array): number => {
      const y = batchNormTraining(
        training,
        tf.tensor4d(x, shape),
        scale,
        shift,
        1e-3,
        ({ mean, variance }) => {
          seen = (mean[0] ?? 0) + (variance[0] ?? 0);
        },
      );
      return tf.sum(tf.mul(y, tf.tensor4d(values(3, shape), shape))).dataSync()[0]!;
    };
    const [dx] = gradients(
      training,
      [shape, [1, 1, 1, 1]],
      (x) => batchNormTraining(training, x, scale, shift, 1e-3, () => {}) as Tensor4D,
    );
    const step = 0.01;
    for (const index of [0, 5, 11, 23]) {
      const up = values(1, shape);
      const down = values(1, shape);
      up[index]! += step;
      down[index]! -= step;
      expect((f(up) - f(down)) / (2 * step)).toBeCloseTo(dx[index]!, 2);
    }
    const first = values(1, shape).filter((_, i) => i % 2 === 0);
    f(values(1, shape));
    const mean = first.reduce((a, b) => a + b, 0) / first.length;
    const variance = first.reduce((a, b) => a + (b - mean) ** 2, 0) / first.length;
    expect(seen).toBeCloseTo(mean + variance, 5);
  });
});
