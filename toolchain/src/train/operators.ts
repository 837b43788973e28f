import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from "@tensorflow/tfjs";
import { UnsupportedError } from "../errors.js";
import type { Activation, Graph, Operator, OperatorKind, OperatorOf } from "../graph/graph.js";
import { type BatchStatistics, batchNormTraining } from "./ops/batch-norm.js";
import { conv2d } from "./ops/conv2d.js";
import { depthwiseConv2d } from "./ops/depthwise-conv2d.js";
import { maxPool2d } from "./ops/max-pool2d.js";
import type { Training } from "./tensorflow.js";

/** What an operator may ask while it runs. */
export interface OperatorContext {
  readonly training: Training;
  readonly graph: Graph;
  readonly isTraining: boolean;
  value(name: string): Tensor;
  /** A batch norm's running mean or variance. */
  statistics(name: string): Tensor1D;
  keepStatistics(operator: OperatorOf<"batchNorm">, batch: BatchStatistics): void;
}

type Apply<K extends OperatorKind> = (operator: OperatorOf<K>, context: OperatorContext) => Tensor;

/** One entry per operator through which training can go. Element-wise ones work on any shape. */
const APPLY: { readonly [K in OperatorKind]?: Apply<K> } = {
  conv2d: (operator, context) => {
    const { tf } = context.training;
    const { groups, activation } = operator.attributes;
    const [x, weights, bias] = operands(operator, context);
    const filter = tf.transpose(weights!, [1, 2, 3, 0]) as Tensor4D;
    const sum =
      groups === 1
        ? conv2d(context.training, x as Tensor4D, filter, operator.attributes)
        : groupedConv2d(operator, context, x as Tensor4D, filter);
    return activate(context, addBias(context, sum, bias), activation);
  },
  depthwiseConv2d: (operator, context) => {
    const { tf } = context.training;
    const { multiplier, activation } = operator.attributes;
    const [x, weights, bias] = operands(operator, context);
    const [, kernelH, kernelW, out] = weights!.shape as [number, number, number, number];
    const filter = tf.reshape(weights!, [kernelH, kernelW, out / multiplier, multiplier]) as Tensor4D;
    const sum = depthwiseConv2d(context.training, x as Tensor4D, filter, operator.attributes);
    return activate(context, addBias(context, sum, bias), activation);
  },
  fullyConnected: (operator, context) => {
    const { tf } = context.training;
    const { activation, keepDims } = operator.attributes;
    const [x, weights, bias] = operands(operator, context);
    const [out, inputs] = weights!.shape as [number, number];
    const rows = tf.reshape(x!, [-1, inputs]) as Tensor2D;
    const sum = addBias(context, tf.matMul(rows, weights as Tensor2D, false, true), bias);
    return activate(context, keepDims ? tf.reshape(sum, [...x!.shape.slice(0, -1), out]) : sum, activation);
  },
  batchNorm: (operator, context) => {
    const { tf } = context.training;
    const { epsilon } = operator.attributes;
    const [name, scaleName, shiftName, meanName, varianceName] = operator.inputs as [
      string,
      string,
      string,
      string,
      string,
    ];
    const x = context.value(name);
    const scale = context.value(scaleName) as Tensor1D;
    const shift = context.value(shiftName) as Tensor1D;
    if (context.isTraining) {
      return batchNormTraining(context.training, x, scale, shift, epsilon, (batch) =>
        context.keepStatistics(operator, batch),
      );
    }
    return tf.batchNorm(
      x,
      context.statistics(meanName),
      context.statistics(varianceName),
      shift,
      scale,
      epsilon,
    );
  },
  maxPool2d: (operator, context) => {
    const [x] = operands(operator, context);
    const pooled = maxPool2d(context.training, x as Tensor4D, operator.attributes);
    return activate(context, pooled, operator.attributes.activation);
  },
  averagePool2d: (operator, context) =>
    activate(context, averagePool2d(operator, context), operator.attributes.activation),
  mean: (operator, context) =>
    context.training.tf.mean(
      first(operator, context),
      [...operator.attributes.axes],
      operator.attributes.keepDims,
    ),
  add: (operator, context) => {
    const [a, b] = operands(operator, context);
    return activate(context, context.training.tf.add(a!, b!), operator.attributes.activation);
  },
  sub: (operator, context) => {
    const [a, b] = operands(operator, context);
    return activate(context, context.training.tf.sub(a!, b!), operator.attributes.activation);
  },
  mul: (operator, context) => {
    const [a, b] = operands(operator, context);
    return activate(context, context.training.tf.mul(a!, b!), operator.attributes.activation);
  },
  concat: (operator, context) =>
    activate(
      context,
      context.training.tf.concat(operands(operator, context), operator.attributes.axis),
      operator.attributes.activation,
    ),
  pad: (operator, context) => {
    const { before, after, mode, value } = operator.attributes;
    if (mode !== "constant") throw unsupported(operator, `padding of mode "${mode}"`);
    const pads = before.map((amount, axis): [number, number] => [amount, after[axis]!]);
    return context.training.tf.pad(first(operator, context), pads, value);
  },
  reshape: (operator, context) => {
    // The graph was made for one batch size; training brings its own.
    const graphShape = context.graph.tensors.get(operator.outputs[0]!)!.shape;
    return context.training.tf.reshape(first(operator, context), [-1, ...graphShape.slice(1)]);
  },
  transpose: (operator, context) => {
    const { permutation } = operator.attributes;
    if (permutation[0] !== 0) throw unsupported(operator, "a transpose that moves the batch axis");
    return context.training.tf.transpose(first(operator, context), [...permutation]);
  },
  softmax: (operator, context) =>
    context.training.tf.softmax(first(operator, context), operator.attributes.axis),
  relu: (operator, context) => context.training.tf.relu(first(operator, context)),
  relu6: (operator, context) => context.training.tf.relu6(first(operator, context)),
  leakyRelu: (operator, context) =>
    context.training.tf.leakyRelu(first(operator, context), operator.attributes.alpha),
  sigmoid: (operator, context) => context.training.tf.sigmoid(first(operator, context)),
  tanh: (operator, context) => context.training.tf.tanh(first(operator, context)),
  clip: (operator, context) =>
    context.training.tf.clipByValue(
      first(operator, context),
      operator.attributes.min,
      operator.attributes.max,
    ),
  hardSigmoid: (operator, context) => hardSigmoid(context, first(operator, context), operator.attributes),
  hardSwish: (operator, context) => {
    const x = first(operator, context);
    return context.training.tf.mul(x, hardSigmoid(context, x, { alpha: 1 / 6, beta: 0.5 }));
  },
};

/** Runs one operator on tensors with a batch of any size. */
export function apply(operator: Operator, context: OperatorContext): Tensor {
  const run = APPLY[operator.kind] as Apply<OperatorKind> | undefined;
  if (run === undefined) throw unsupported(operator, `the operator ${operator.kind}`);
  return run(operator, context);
}

/** Whether the operator's input at `position`, when it is a constant, is what training changes. */
export function isTrainable(operator: Operator, position: number): boolean {
  switch (operator.kind) {
    case "conv2d":
    case "depthwiseConv2d":
    case "fullyConnected":
    case "batchNorm":
      return position === 1 || position === 2;
    default:
      return false;
  }
}

function unsupported(operator: Operator, what: string): UnsupportedError {
  return new UnsupportedError({
    expected: "operators that training knows",
    got: `${what} in "${operator.name}"`,
    todo: "Training can't go through this model.",
  });
}

function operands(operator: Operator, context: OperatorContext): Tensor[] {
  return operator.inputs.filter((name) => name !== "").map((name) => context.value(name));
}

function first(operator: Operator, context: OperatorContext): Tensor {
  return context.value(operator.inputs[0]!);
}

/** x + bias over the last axis; as its own gradient, because a broadcast add reduces over the outer axes slowly. */
function addBias(context: OperatorContext, x: Tensor, bias: Tensor | undefined): Tensor {
  if (bias === undefined) return x;
  const { tf } = context.training;
  const channels = bias.size;
  const withGradient = tf.customGrad((...args) => {
    const [input, addend] = args as [Tensor, Tensor];
    return {
      value: tf.add(input, addend),
      gradFunc: (dy) => {
        const rows = tf.reshape(dy, [-1, channels]) as Tensor2D;
        const ones = tf.ones([1, rows.shape[0]]) as Tensor2D;
        return [dy, tf.reshape(tf.matMul(ones, rows), [channels])];
      },
    };
  });
  return withGradient(x, bias);
}

function activate(context: OperatorContext, x: Tensor, activation: Activation): Tensor {
  const { tf } = context.training;
  switch (activation) {
    case "none":
      return x;
    case "relu":
      return tf.relu(x);
    case "relu6":
      return tf.relu6(x);
    case "relu-1-1":
      return tf.clipByValue(x, -1, 1);
  }
}

function hardSigmoid(
  context: OperatorContext,
  x: Tensor,
  { alpha, beta }: { alpha: number; beta: number },
): Tensor {
  const { tf } = context.training;
  return tf.clipByValue(tf.add(tf.mul(x, alpha), beta), 0, 1);
}

function groupedConv2d(
  operator: OperatorOf<"conv2d">,
  { training }: OperatorContext,
  x: Tensor4D,
  filter: Tensor4D,
): Tensor4D {
  const { tf } = training;
  const { groups } = operator.attributes;
  const inputs = tf.split(x, groups, 3) as Tensor4D[];
  const filters = tf.split(filter, groups, 3) as Tensor4D[];
  return tf.concat(
    inputs.map((input, group) => conv2d(training, input, filters[group] as Tensor4D, operator.attributes)),
    3,
  );
}

function averagePool2d(operator: OperatorOf<"averagePool2d">, context: OperatorContext): Tensor {
  const { tf } = context.training;
  const { kernelH, kernelW, strideH, strideW, padding, countIncludePad } = operator.attributes;
  const x = first(operator, context) as Tensor4D;
  const frame: [number, number][] = [
    [0, 0],
    [padding.top, padding.bottom],
    [padding.left, padding.right],
    [0, 0],
  ];
  const pool = (input: Tensor4D): Tensor4D =>
    tf.avgPool(input, [kernelH, kernelW], [strideH, strideW], "valid");
  const isPadded = frame.some(([before, after]) => before + after > 0);
  if (!isPadded) return pool(x);
  const pooled = pool(tf.pad(x, frame));
  if (countIncludePad) return pooled;
  // The same pooling of ones gives the share of each window that lies inside the image.
  const [, height, width] = x.shape;
  const share = pool(tf.pad(tf.ones([1, height, width, 1]) as Tensor4D, frame));
  return tf.div(pooled, share);
}
