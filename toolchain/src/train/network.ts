import type { Activation, Graph, Operator, Padding, Tensor } from "../graph/graph.js";
import { Random } from "./random.js";

const NO_PADDING: Padding = { top: 0, bottom: 0, left: 0, right: 0 };

interface ConvolutionOptions {
  readonly channels: number;
  readonly kernel: readonly [number, number];
  readonly stride?: readonly [number, number];
}

/**
 * Writes an untrained classifier layer by layer: He-initialised weights from one seed, batch norms at identity. For
 * models that this project trains itself; images enter as [1, H, W, C].
 */
export class NetworkBuilder {
  private readonly tensors = new Map<string, Tensor>();
  private readonly operators: Operator[] = [];
  private readonly random: Random;
  private readonly input: string;
  private current: string;
  private shape: number[];

  constructor(
    private readonly name: string,
    inputShape: readonly number[],
    seed: number,
  ) {
    this.random = new Random(seed);
    this.shape = [1, ...inputShape];
    this.input = "image";
    this.current = this.input;
    this.tensors.set(this.input, { name: this.input, shape: this.shape, dtype: "float32" });
  }

  /** Convolution (SAME padding, no bias), batch norm, ReLU. */
  convolution(label: string, { channels, kernel, stride = [1, 1] }: ConvolutionOptions): this {
    const [, height, width, inputs] = this.shape as [number, number, number, number];
    const [kernelH, kernelW] = kernel;
    const [strideH, strideW] = stride;
    const weights = this.weights(
      `${label}.weight`,
      [channels, kernelH, kernelW, inputs],
      kernelH * kernelW * inputs,
    );
    const window = { ...same(height, width, kernel, stride), strideH, strideW };
    const shape = [1, Math.ceil(height / strideH), Math.ceil(width / strideW), channels];
    this.push(
      {
        kind: "conv2d",
        name: label,
        inputs: [this.current, weights],
        outputs: [`${label}.sum`],
        attributes: { ...window, dilationH: 1, dilationW: 1, groups: 1, activation: "none" },
      },
      shape,
    );
    return this.normalize(label);
  }

  /** Depthwise convolution (SAME padding, no bias), batch norm, ReLU. */
  depthwise(label: string, { kernel, stride = [1, 1] }: Omit<ConvolutionOptions, "channels">): this {
    const [, height, width, channels] = this.shape as [number, number, number, number];
    const [kernelH, kernelW] = kernel;
    const [strideH, strideW] = stride;
    const weights = this.weights(`${label}.weight`, [1, kernelH, kernelW, channels], kernelH * kernelW);
    const window = { ...same(height, width, kernel, stride), strideH, strideW };
    const shape = [1, Math.ceil(height / strideH), Math.ceil(width / strideW), channels];
    this.push(
      {
        kind: "depthwiseConv2d",
        name: label,
        inputs: [this.current, weights],
        outputs: [`${label}.sum`],
        attributes: { ...window, dilationH: 1, dilationW: 1, multiplier: 1, activation: "none" },
      },
      shape,
    );
    return this.normalize(label);
  }

  maxPool(label: string, [kernelH, kernelW]: readonly [number, number]): this {
    const [, height, width, channels] = this.shape as [number, number, number, number];
    return this.push(
      {
        kind: "maxPool2d",
        name: label,
        inputs: [this.current],
        outputs: [`${label}.out`],
        attributes: {
          kernelH,
          kernelW,
          strideH: kernelH,
          strideW: kernelW,
          padding: NO_PADDING,
          activation: "none",
        },
      },
      [1, Math.floor(height / kernelH), Math.floor(width / kernelW), channels],
    );
  }

  /** The mean of every channel over the image. */
  globalMean(label: string): this {
    const shape = [1, this.shape.at(-1)!];
    return this.push(
      {
        kind: "mean",
        name: label,
        inputs: [this.current],
        outputs: [`${label}.out`],
        attributes: { axes: [1, 2], keepDims: false },
      },
      shape,
    );
  }

  flatten(label: string): this {
    const shape = [1, this.shape.reduce((product, length) => product * length, 1)];
    return this.push(
      {
        kind: "reshape",
        name: label,
        inputs: [this.current],
        outputs: [`${label}.out`],
        attributes: { shape },
      },
      shape,
    );
  }

  dense(label: string, outputs: number, activation: Activation): this {
    const inputs = this.shape[1]!;
    const weights = this.weights(`${label}.weight`, [outputs, inputs], inputs);
    const bias = this.constant(`${label}.bias`, [outputs], new Float32Array(outputs));
    return this.push(
      {
        kind: "fullyConnected",
        name: label,
        inputs: [this.current, weights, bias],
        outputs: [`${label}.out`],
        attributes: { activation, keepDims: false },
      },
      [1, outputs],
    );
  }

  softmax(label: string): this {
    return this.push(
      {
        kind: "softmax",
        name: label,
        inputs: [this.current],
        outputs: [label],
        attributes: { axis: -1, beta: 1 },
      },
      this.shape,
    );
  }

  build(): Graph {
    return {
      name: this.name,
      tensors: this.tensors,
      operators: this.operators,
      inputs: [this.input],
      outputs: [this.current],
    };
  }

  private normalize(label: string): this {
    const channels = this.shape.at(-1)!;
    const constants = ["scale", "shift", "mean", "variance"].map((role) =>
      this.constant(
        `${label}.${role}`,
        [channels],
        new Float32Array(channels).fill(role === "scale" || role === "variance" ? 1 : 0),
      ),
    );
    this.push(
      {
        kind: "batchNorm",
        name: `${label}.norm`,
        inputs: [this.current, ...constants],
        outputs: [`${label}.normalized`],
        attributes: { epsilon: 1e-3 },
      },
      this.shape,
    );
    return this.push(
      {
        kind: "relu",
        name: `${label}.relu`,
        inputs: [this.current],
        outputs: [`${label}.out`],
        attributes: {},
      },
      this.shape,
    );
  }

  private push(operator: Operator, shape: number[]): this {
    this.operators.push(operator);
    this.current = operator.outputs[0]!;
    this.shape = shape;
    this.tensors.set(this.current, { name: this.current, shape, dtype: "float32" });
    return this;
  }

  private weights(name: string, shape: number[], fanIn: number): string {
    const deviation = Math.sqrt(2 / fanIn);
    const count = shape.reduce((product, length) => product * length, 1);
    return this.constant(
      name,
      shape,
      Float32Array.from({ length: count }, () => deviation * this.random.normal()),
    );
  }

  private constant(name: string, shape: number[], data: Float32Array): string {
    this.tensors.set(name, { name, shape, dtype: "float32", data });
    return name;
  }
}

/** TensorFlow's SAME: the odd element of padding goes below and to the right. */
function same(
  height: number,
  width: number,
  [kernelH, kernelW]: readonly [number, number],
  [strideH, strideW]: readonly [number, number],
): { padding: Padding } {
  const total = (length: number, kernel: number, stride: number): number =>
    Math.max(0, (Math.ceil(length / stride) - 1) * stride + kernel - length);
  const vertical = total(height, kernelH, strideH);
  const horizontal = total(width, kernelW, strideW);
  return {
    padding: {
      top: Math.floor(vertical / 2),
      bottom: Math.ceil(vertical / 2),
      left: Math.floor(horizontal / 2),
      right: Math.ceil(horizontal / 2),
    },
  };
}
