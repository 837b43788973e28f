import { elements, tensorOf } from "../emit/c/arithmetic.js";
import type { KernelClass } from "../emit/c/step.js";
import type { DType, Graph, Operator } from "../graph/graph.js";

/** What one operator has to do, whoever does it. */
export interface Work {
  readonly operator: string;
  readonly kind: Operator["kind"];
  readonly kernelClass: KernelClass;
  readonly macs: number;
  readonly outputElements: number;
  readonly bytesMoved: number;
}

const BYTES_OF: Record<DType, number> = {
  float32: 4,
  int4: 0.5,
  int8: 1,
  uint8: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  bool: 1,
};

export function tensorBytes(graph: Graph, name: string): number {
  if (name === "") return 0;
  const tensor = tensorOf(graph, name);
  return elements(tensor) * BYTES_OF[tensor.dtype];
}

/** Work of any graph, float or integer, for targets that run it through a runtime instead of generated code. */
export function workOf(graph: Graph): Work[] {
  return graph.operators.map((operator) => {
    const outputs = operator.outputs.reduce((sum, name) => sum + elements(tensorOf(graph, name)), 0);
    return {
      operator: operator.name,
      kind: operator.kind,
      ...classOf(graph, operator, outputs),
      outputElements: outputs,
      bytesMoved: [...operator.inputs, ...operator.outputs].reduce(
        (sum, name) => sum + tensorBytes(graph, name),
        0,
      ),
    };
  });
}

function classOf(
  graph: Graph,
  operator: Operator,
  outputs: number,
): { kernelClass: KernelClass; macs: number } {
  switch (operator.kind) {
    case "conv2d": {
      const weights = tensorOf(graph, operator.inputs[1]!);
      const taps = elements(weights) / weights.shape[0]!;
      const isPointwise = weights.shape[1] === 1 && weights.shape[2] === 1;
      return { kernelClass: isPointwise ? "pointwise" : "conv", macs: outputs * taps };
    }
    case "depthwiseConv2d": {
      const [, height, width] = tensorOf(graph, operator.inputs[1]!).shape;
      return { kernelClass: "depthwise", macs: outputs * height! * width! };
    }
    case "fullyConnected":
      return { kernelClass: "dense", macs: outputs * tensorOf(graph, operator.inputs[1]!).shape[1]! };
    case "matMul": {
      const { shape } = tensorOf(graph, operator.inputs[0]!);
      return {
        kernelClass: "dense",
        macs: outputs * (operator.attributes.transposeA ? shape.at(-2)! : shape.at(-1)!),
      };
    }
    case "averagePool2d":
    case "maxPool2d":
    case "mean":
      return { kernelClass: "pool", macs: 0 };
    case "softmax":
    case "logSoftmax":
      return { kernelClass: "softmax", macs: 0 };
    case "reshape":
    case "transpose":
    case "concat":
    case "slice":
      return { kernelClass: "copy", macs: 0 };
    default:
      return { kernelClass: "elementwise", macs: 0 };
  }
}
