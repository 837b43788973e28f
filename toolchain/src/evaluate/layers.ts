import type { RunnableModel } from "../execute/runnable.js";
import type { Graph, Operator } from "../graph/graph.js";
import { ChannelSignalToNoise } from "./metrics.js";

export interface LayerError {
  readonly tensor: string;
  readonly operator: string;
  /** Signal over error power in dB; null where the two are equal. */
  readonly sqnrDb: number | null;
  /** The same of the noisiest tensor that the layer reads; null where that has no error. */
  readonly inputSqnrDb: number | null;
  /** How much of it the layer itself loses, in dB, of what lies below 40 dB; 0 where it loses none. */
  readonly lossDb: number;
  /** null where channels were rescaled on purpose (equalization): then no single figure tells. */
  readonly greatestError: number | null;
}

/** Rounding to eight bits leaves about as much; noise this far below the signal changes no answer. */
const HARMLESS_DB = 40;

/** Compares every tensor of a model with the one of another model that holds the same, sample by sample. */
export class LayerComparison {
  readonly #noise = new Map<string, ChannelSignalToNoise>();
  readonly #names: ReadonlyMap<string, string>;
  readonly #graph: Graph;

  constructor(model: RunnableModel, against: RunnableModel) {
    this.#graph = model.graph;
    this.#names = pairTensors(model.graph, against.graph);
  }

  add(reference: ReadonlyMap<string, Float32Array>, values: ReadonlyMap<string, Float32Array>): void {
    for (const [name, other] of this.#names) {
      const [expected, actual] = [reference.get(other), values.get(name)];
      if (expected === undefined || actual === undefined || actual.length !== expected.length) continue;
      let sum = this.#noise.get(name);
      if (sum === undefined) {
        sum = new ChannelSignalToNoise(this.#graph.tensors.get(name)?.shape.at(-1) ?? 1);
        this.#noise.set(name, sum);
      }
      sum.add(expected, actual);
    }
  }

  /** In the order of execution. */
  errors(): LayerError[] {
    const cleanness = (name: string): number => {
      const decibels = this.#noise.get(name)?.decibels;
      return decibels === undefined ? Number.POSITIVE_INFINITY : decibels;
    };
    return this.#graph.operators.flatMap((operator) =>
      operator.outputs.flatMap((tensor) => {
        const sum = this.#noise.get(tensor);
        if (sum === undefined) return [];
        const input = Math.min(...this.#sources(operator).map(cleanness));
        const loss = Math.min(input, HARMLESS_DB) - Math.min(sum.decibels, HARMLESS_DB);
        return [
          {
            tensor,
            operator: operator.kind,
            sqnrDb: finite(sum.decibels),
            inputSqnrDb: finite(input),
            lossDb: Math.max(0, loss),
            greatestError: sum.isRescaled ? null : sum.greatestError,
          },
        ];
      }),
    );
  }

  /** Compared tensors that an operator's inputs come from; copies in another width have none to be compared with. */
  #sources({ inputs }: Operator): string[] {
    return inputs.flatMap((name) => {
      if (this.#noise.has(name)) return [name];
      const maker = this.#graph.operators.find(({ outputs }) => outputs.includes(name));
      return maker !== undefined && isConversion(maker) ? this.#sources(maker) : [];
    });
  }
}

/** Layers that lose the most, worst first: where to look for a drop in accuracy. */
export function suspects(layers: readonly LayerError[]): LayerError[] {
  return layers.filter(({ lossDb }) => lossDb > 0).sort((a, b) => b.lossDb - a.lossDb);
}

function isConversion({ kind }: Operator): boolean {
  return kind === "quantize" || kind === "dequantize" || kind === "requantize";
}

/**
 * Which tensor of the other model each tensor is held against: the one of the same name, as Mote's own quantizer leaves
 * it; in models that other tools quantized, the one at the same place, where the operators are the same.
 */
function pairTensors(graph: Graph, other: Graph): Map<string, string> {
  const makers = graph.operators.filter((operator) => !isConversion(operator));
  const others = other.operators.filter((operator) => !isConversion(operator));
  const made = graph.operators.flatMap(({ outputs }) => outputs);
  const named = made.filter((name) => other.tensors.has(name));
  const kinds = (operators: readonly Operator[]): string => operators.map(({ kind }) => kind).join();
  const isSamePlan = kinds(makers) === kinds(others);
  const pairs = new Map<string, string>();
  if (2 * named.length >= made.length || !isSamePlan) {
    for (const name of [...graph.inputs, ...named]) if (other.tensors.has(name)) pairs.set(name, name);
    return pairs;
  }
  graph.inputs.forEach((name, i) => {
    if (other.inputs[i] !== undefined) pairs.set(name, other.inputs[i]);
  });
  makers.forEach(({ outputs }, i) => {
    outputs.forEach((name, position) => {
      pairs.set(name, others[i]!.outputs[position]!);
    });
  });
  return pairs;
}

/** JSON has no infinity: no error at all is null. */
export function finite(decibels: number): number | null {
  return Number.isFinite(decibels) ? decibels : null;
}
