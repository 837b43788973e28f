import type { Tensor, Tensor1D, Variable } from "@tensorflow/tfjs";
import { UnsupportedError } from "../errors.js";
import type { Graph, Tensor as GraphTensor, Operator, OperatorOf } from "../graph/graph.js";
import { apply, isTrainable, type OperatorContext } from "./operators.js";
import type { BatchStatistics } from "./ops/batch-norm.js";
import type { Training } from "./tensorflow.js";

/** Where a caller may put something between a tensor and its use: fake quantization, a probe. */
export interface Hooks {
  /** Called with every trainable tensor, in the graph's layout, before its use. */
  weight?(name: string, value: Tensor): Tensor;
  /** Called with every operator's output. */
  activation?(name: string, value: Tensor, isTraining: boolean): Tensor;
}

export interface DifferentiableOptions {
  readonly hooks?: Hooks;
  /** Share of the old running statistics that a batch leaves in place. */
  readonly batchNormMomentum?: number;
}

/**
 * A graph as a differentiable function: float constants of convolutions, fully-connected layers and batch norms become
 * trainable variables; `toGraph` writes what training made of them back.
 */
export class Differentiable {
  /** By tensor name, in the graph's own layout. */
  readonly parameters: ReadonlyMap<string, Variable>;
  /** Whether the graph ends in softmax, so that `logits` are its input. */
  readonly endsInSoftmax: boolean;
  readonly sampleShape: readonly number[];
  private readonly runningStatistics = new Map<string, Float32Array>();
  private readonly constants = new Map<string, Tensor>();
  private readonly operators: readonly Operator[];
  private readonly result: string;
  private readonly momentum: number;

  constructor(
    readonly training: Training,
    readonly graph: Graph,
    private readonly options: DifferentiableOptions = {},
  ) {
    const { tf } = training;
    this.momentum = options.batchNormMomentum ?? 0.9;
    requireOneInputOneOutput(graph);
    this.sampleShape = graph.tensors.get(graph.inputs[0]!)!.shape.slice(1);
    const last = graph.operators.find((operator) => operator.outputs.includes(graph.outputs[0]!));
    this.endsInSoftmax = last?.kind === "softmax";
    this.result = last?.kind === "softmax" ? last.inputs[0]! : graph.outputs[0]!;
    this.operators = last?.kind === "softmax" ? graph.operators.filter((o) => o !== last) : graph.operators;

    const parameters = new Map<string, Variable>();
    for (const operator of this.operators) {
      operator.inputs.forEach((name, position) => {
        const tensor = graph.tensors.get(name);
        if (tensor?.data === undefined) return;
        if (operator.kind === "batchNorm" && position >= 3) {
          this.runningStatistics.set(name, floats(tensor).slice());
        } else if (isTrainable(operator, position)) {
          if (!parameters.has(name))
            parameters.set(name, tf.variable(tf.tensor(floats(tensor), [...tensor.shape])));
        } else if (!this.constants.has(name)) {
          this.constants.set(name, tf.tensor(floats(tensor), [...tensor.shape]));
        }
      });
    }
    this.parameters = parameters;
  }

  /**
   * The result before a final softmax; x [N, …sample shape]. In training mode batch norms use the batch's statistics
   * and keep the running ones. Call it inside tf.tidy.
   */
  logits(x: Tensor, isTraining: boolean): Tensor {
    const values = new Map<string, Tensor>([[this.graph.inputs[0]!, x]]);
    const context: OperatorContext = {
      training: this.training,
      graph: this.graph,
      isTraining,
      value: (name) => this.read(name, values),
      statistics: (name) => this.statistics(name),
      keepStatistics: (operator, batch) => this.keepStatistics(operator, batch),
    };
    for (const operator of this.operators) {
      const output = apply(operator, context);
      const name = operator.outputs[0]!;
      values.set(name, this.options.hooks?.activation?.(name, output, isTraining) ?? output);
    }
    return values.get(this.result)!;
  }

  /** The graph with the weights and running statistics as they are now. */
  toGraph(): Graph {
    const tensors = new Map(this.graph.tensors);
    for (const [name, variable] of this.parameters)
      this.put(tensors, name, Float32Array.from(variable.dataSync()));
    for (const [name, values] of this.runningStatistics) this.put(tensors, name, values.slice());
    return { ...this.graph, tensors };
  }

  dispose(): void {
    for (const variable of this.parameters.values()) variable.dispose();
    for (const constant of this.constants.values()) constant.dispose();
  }

  private put(tensors: Map<string, GraphTensor>, name: string, data: Float32Array): void {
    tensors.set(name, { ...this.graph.tensors.get(name)!, data });
  }

  private read(name: string, values: ReadonlyMap<string, Tensor>): Tensor {
    const parameter = this.parameters.get(name);
    if (parameter !== undefined) return this.options.hooks?.weight?.(name, parameter) ?? parameter;
    return values.get(name) ?? this.constants.get(name)!;
  }

  private statistics(name: string): Tensor1D {
    return this.training.tf.tensor1d(this.runningStatistics.get(name)!);
  }

  private keepStatistics(operator: OperatorOf<"batchNorm">, batch: BatchStatistics): void {
    const mean = this.runningStatistics.get(operator.inputs[3]!)!;
    const variance = this.runningStatistics.get(operator.inputs[4]!)!;
    // Inference divides by the population's deviation; the batch's is biased low by (n-1)/n.
    const unbias = batch.count > 1 ? batch.count / (batch.count - 1) : 1;
    for (let c = 0; c < mean.length; c++) {
      mean[c] = this.momentum * mean[c]! + (1 - this.momentum) * batch.mean[c]!;
      variance[c] = this.momentum * variance[c]! + (1 - this.momentum) * batch.variance[c]! * unbias;
    }
  }
}

function requireOneInputOneOutput(graph: Graph): void {
  if (graph.inputs.length === 1 && graph.outputs.length === 1) return;
  throw new UnsupportedError({
    expected: "a model with one input and one output",
    got: `${graph.inputs.length} inputs and ${graph.outputs.length} outputs`,
    todo: "Training of other models is not there yet.",
  });
}

function floats(tensor: GraphTensor): Float32Array {
  if (tensor.data instanceof Float32Array) return tensor.data;
  throw new UnsupportedError({
    expected: "a float model",
    got: `the ${tensor.dtype} constant "${tensor.name}"`,
    todo: "Train the float model, then quantize it again.",
  });
}
