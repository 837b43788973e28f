import type { Graph, Operator } from "../graph/graph.js";
import { edgesOf, freshName } from "../transform/edges.js";
import { tiedActivations } from "./groups.js";
import type { ActivationDType } from "./range.js";

/** The numbers in which a tensor is held, and an operator computes. */
export type Width = ActivationDType | "float";

/** What is kept wider than the scheme. */
export interface Wider {
  /**
   * Activations held at int16. All operators that touch one compute in int16: a layer whose result is requantized to
   * int8 at once would have gained nothing.
   */
  readonly tensors: ReadonlySet<string>;
  /** Names of operators that keep floating-point weights and arithmetic. */
  readonly operators: ReadonlySet<string>;
}

/** A graph whose operators each work in one width, with conversions between those that differ. */
export interface Bordered {
  /** Still of float tensors; requantize, quantize and dequantize stand where widths meet. */
  readonly graph: Graph;
  widthOf(tensor: string): Width;
  /** The tensor of the graph given that `tensor` holds the values of: itself, except for copies in another width. */
  sourceOf(tensor: string): string;
}

/**
 * Puts conversions where widths meet. A tensor keeps its name in the width in which it is most at home: int16 if it was
 * asked for, float between layers that are, else the scheme's. A tensor that only int16 operators touch becomes int16.
 */
export function withBorders(graph: Graph, base: ActivationDType, wider: Wider): Bordered {
  if (wider.tensors.size === 0 && wider.operators.size === 0) {
    return { graph, widthOf: () => base, sourceOf: (tensor) => tensor };
  }
  const wide = closeOver(graph, wider);
  const computed = operatorWidths(graph, base, wide, wider.operators);
  const home = homes(graph, base, wide, computed);
  const tensors = new Map(graph.tensors);
  const operators: Operator[] = [];
  const versions = new Map<string, Map<Width, string>>();
  const sources = new Map<string, string>();
  const widths = new Map<string, Width>();
  const version = (name: string, width: Width): string => {
    const known = versions.get(name) ?? new Map<Width, string>();
    versions.set(name, known);
    let made = known.get(width);
    if (made === undefined) {
      made = width === home.get(name) ? name : freshName(tensors, `${name}/${width}`);
      tensors.set(made, { ...graph.tensors.get(name)!, name: made });
      known.set(width, made);
      sources.set(made, name);
      widths.set(made, width);
    }
    return made;
  };
  const convert = (name: string, from: Width, to: Width): string => {
    const isMade = versions.get(name)?.has(to) === true;
    const [source, target] = [version(name, from), version(name, to)];
    if (!isMade) operators.push(conversion(source, target, from, to));
    return target;
  };
  const isActivation = (name: string): boolean => home.has(name);
  for (const name of graph.inputs) if (isActivation(name)) version(name, home.get(name)!);
  for (const operator of graph.operators) {
    const width = computed.get(operator)!;
    const inputs = operator.inputs.map((name) => {
      if (!isActivation(name)) return name;
      return versions.get(name)?.get(width) ?? convert(name, home.get(name)!, width);
    });
    const outputs = operator.outputs.map((name) => (isActivation(name) ? version(name, width) : name));
    operators.push({ ...operator, inputs, outputs });
    for (const name of operator.outputs) {
      if (isActivation(name) && home.get(name) !== width) convert(name, width, home.get(name)!);
    }
  }
  return {
    graph: { ...graph, tensors, operators },
    widthOf: (tensor) => widths.get(tensor) ?? base,
    sourceOf: (tensor) => sources.get(tensor) ?? tensor,
  };
}

function conversion(from: string, to: string, source: Width, target: Width): Operator {
  const kind = source === "float" ? "quantize" : target === "float" ? "dequantize" : "requantize";
  return { kind, name: `${to}/${kind}`, inputs: [from], outputs: [to], attributes: {} };
}

function isFloatTensor(graph: Graph, name: string): boolean {
  const tensor = graph.tensors.get(name);
  return tensor?.dtype === "float32" && tensor.data === undefined;
}

/** Adds what is tied to a kept tensor by its codes, and what lies between int16 operators only. */
function closeOver(graph: Graph, { tensors, operators }: Wider): Set<string> {
  const tied = tiedActivations(graph);
  const kept = new Set([...tensors].map(tied));
  const wide = new Set<string>();
  const touches = (operator: Operator): boolean =>
    !operators.has(operator.name) && [...operator.inputs, ...operator.outputs].some((name) => wide.has(name));
  const { producer, consumers } = edgesOf(graph);
  for (let grew = true; grew; ) {
    grew = false;
    for (const name of graph.tensors.keys()) {
      if (wide.has(name) || !isFloatTensor(graph, name)) continue;
      const maker = producer.get(name);
      const readers = consumers.get(name) ?? [];
      const isBetween =
        maker !== undefined &&
        readers.length > 0 &&
        !graph.outputs.includes(name) &&
        touches(maker) &&
        readers.every(touches);
      if (!kept.has(tied(name)) && !isBetween) continue;
      kept.add(tied(name));
      wide.add(name);
      grew = true;
    }
  }
  return wide;
}

function operatorWidths(
  graph: Graph,
  base: ActivationDType,
  wide: ReadonlySet<string>,
  float: ReadonlySet<string>,
): Map<Operator, Width> {
  return new Map(
    graph.operators.map((operator) => {
      if (float.has(operator.name)) return [operator, "float"];
      const isWide = [...operator.inputs, ...operator.outputs].some((name) => wide.has(name));
      return [operator, isWide ? "int16" : base];
    }),
  );
}

/** At the edges of the graph a float layer takes and gives float, so that what it computed is not rounded after all. */
function homes(
  graph: Graph,
  base: ActivationDType,
  wide: ReadonlySet<string>,
  computed: ReadonlyMap<Operator, Width>,
): Map<string, Width> {
  const { producer, consumers } = edgesOf(graph);
  const home = new Map<string, Width>();
  for (const name of [...graph.inputs, ...graph.operators.flatMap(({ outputs }) => outputs)]) {
    if (!isFloatTensor(graph, name)) continue;
    const maker = producer.get(name);
    const around = [...(maker === undefined ? [] : [maker]), ...(consumers.get(name) ?? [])];
    const isFloat = around.length > 0 && around.every((operator) => computed.get(operator) === "float");
    home.set(name, isFloat ? "float" : wide.has(name) ? "int16" : base);
  }
  return home;
}
