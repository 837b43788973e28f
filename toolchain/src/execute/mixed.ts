import type { Graph, Operator, TensorData } from "../graph/graph.js";
import { type FloatModel, openFloat } from "./float.js";
import { type IntegerModel, type IntegerOptions, prepareInteger } from "./integer/run.js";

/**
 * Graphs of which some layers stayed float: what lies between is cut into stretches that are all integer or all float.
 * Integers are computed exactly as ever, floats by ONNX Runtime.
 */
export interface MixedModel {
  run(inputs: ReadonlyMap<string, TensorData>): Promise<Map<string, TensorData>>;
}

type Nature = "integer" | "float";

/** Conversions count as integer work: the integer executor has kernels for both directions. */
function natureOf(graph: Graph, { kind, inputs, outputs }: Operator): Nature {
  if (kind === "quantize" || kind === "dequantize") return "integer";
  const isFloat = [...inputs, ...outputs].some((name) => {
    const tensor = graph.tensors.get(name);
    return tensor?.data === undefined && tensor?.dtype === "float32";
  });
  return isFloat ? "float" : "integer";
}

/** Whether a graph has layers of both natures, so that neither executor alone can run it as it is meant. */
export function isMixed(graph: Graph): boolean {
  const holdsCodes = graph.operators.some(({ outputs }) =>
    outputs.some((name) => graph.tensors.get(name)?.quantization !== undefined),
  );
  return holdsCodes && graph.operators.some((operator) => natureOf(graph, operator) === "float");
}

/** Opens a mixed graph; with `keep`, every activation is given back. */
export function openMixed(graph: Graph, options: IntegerOptions = {}): MixedModel {
  const stretches = stretchesOf(graph, options.keep === true).map((part) =>
    part.nature === "integer"
      ? { ...part, model: prepareInteger(part.graph, options) as IntegerModel | Promise<FloatModel> }
      : { ...part, model: openFloat(part.graph) as IntegerModel | Promise<FloatModel> },
  );
  const kept =
    options.keep === true
      ? [...graph.inputs, ...graph.operators.flatMap(({ outputs }) => outputs)]
      : graph.outputs;
  return {
    async run(inputs) {
      const values = new Map(inputs);
      for (const { model } of stretches) {
        const opened = await model;
        for (const [name, data] of await opened.run(values)) values.set(name, data);
      }
      return new Map(kept.map((name) => [name, values.get(name)!]));
    },
  };
}

interface Stretch {
  readonly nature: Nature;
  readonly graph: Graph;
}

function stretchesOf(graph: Graph, keepAll: boolean): Stretch[] {
  const groups: { nature: Nature; operators: Operator[] }[] = [];
  for (const operator of graph.operators) {
    const nature = natureOf(graph, operator);
    const last = groups.at(-1);
    if (last?.nature === nature) last.operators.push(operator);
    else groups.push({ nature, operators: [operator] });
  }
  return groups.map(({ nature, operators }) => {
    const made = new Set(operators.flatMap(({ outputs }) => outputs));
    const read = new Set(operators.flatMap(({ inputs }) => inputs));
    const isActivation = (name: string): boolean =>
      name !== "" && graph.tensors.get(name)?.data === undefined;
    const others = graph.operators.filter((operator) => !operators.includes(operator));
    const wanted = new Set([...graph.outputs, ...others.flatMap(({ inputs }) => inputs)]);
    return {
      nature,
      graph: {
        name: graph.name,
        tensors: new Map([...graph.tensors].filter(([name]) => made.has(name) || read.has(name))),
        operators,
        inputs: [...read].filter((name) => isActivation(name) && !made.has(name)),
        outputs: [...made].filter((name) => keepAll || wanted.has(name)),
      },
    };
  });
}
