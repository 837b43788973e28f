import type { Graph, Operator, OperatorOf, Tensor } from "../graph/graph.js";

/** One row of a constant that goes when its channel goes. */
export interface ChannelSlice {
  readonly tensor: string;
  readonly axis: number;
  readonly index: number;
  /** "consumer" slices multiply the channel's values; "producer" ones make them. */
  readonly role: "producer" | "consumer";
}

/** Channels that can only go together: those that residual additions or depthwise layers tie to one another. */
export interface ChannelGroup {
  readonly id: number;
  /** The set of channels it belongs to: one per layer, or per chain of layers joined by additions. */
  readonly space: number;
  readonly slices: readonly ChannelSlice[];
}

export interface ChannelAnalysis {
  /** Only groups that may be removed: none that reaches an output or an operator that mixes channels by position. */
  readonly groups: readonly ChannelGroup[];
  /** Group id at each place of an activation's last axis; -1 where the channel must stay. */
  readonly activations: ReadonlyMap<string, Int32Array>;
  readonly constants: ReadonlyMap<string, ReadonlyMap<number, Int32Array>>;
}

/**
 * Which channels of a float graph can be removed and what goes with each. Every place of every activation's last axis
 * is an atom; operators tie atoms together (an addition its operands', a depthwise layer its output's to its input's)
 * or freeze them (outputs, and all operators not listed here).
 */
export function analyseChannels(graph: Graph): ChannelAnalysis {
  return new Analysis(graph).run();
}

type Axes = Map<number, { labels: Int32Array; role: ChannelSlice["role"] }>;

class Analysis {
  private readonly parent: number[] = [];
  private readonly frozen: boolean[] = [];
  private readonly spaceParent: number[] = [];
  private readonly spaceOf: number[] = [];
  private readonly labels = new Map<string, Int32Array>();
  private readonly constants = new Map<string, Axes>();

  constructor(private readonly graph: Graph) {}

  run(): ChannelAnalysis {
    for (const name of this.graph.inputs) this.freeze(this.fresh(name));
    for (const operator of this.graph.operators) if (!this.visit(operator)) this.freezeAll(operator);
    for (const name of this.graph.outputs) this.freeze(this.of(name));
    return this.collect();
  }

  /** False where the operator's channels must all stay. */
  private visit(operator: Operator): boolean {
    const [input, weights, bias] = operator.inputs as [string, string | undefined, string | undefined];
    const output = operator.outputs[0]!;
    switch (operator.kind) {
      case "conv2d":
        if (operator.attributes.groups !== 1 || !this.isConstant(weights)) return false;
        this.label(weights!, 3, this.of(input), "consumer");
        return this.produce(output, weights!, 0, bias);
      case "fullyConnected": {
        if (!this.isConstant(weights)) return false;
        const width = this.graph.tensors.get(weights!)!.shape[1]!;
        this.label(weights!, 1, repeated(this.of(input), width), "consumer");
        return this.produce(output, weights!, 0, bias);
      }
      case "depthwiseConv2d": {
        if (!this.isConstant(weights)) return false;
        const { multiplier } = operator.attributes;
        const from = this.of(input);
        const atoms = Int32Array.from(
          { length: from.length * multiplier },
          (_, i) => from[Math.floor(i / multiplier)]!,
        );
        this.labels.set(output, atoms);
        this.label(weights!, 3, atoms, "producer");
        if (bias) this.label(bias, 0, atoms, "producer");
        return true;
      }
      case "batchNorm":
        for (const name of operator.inputs.slice(1)) this.label(name, 0, this.of(input), "producer");
        this.labels.set(output, this.of(input));
        return true;
      case "add":
      case "sub":
      case "mul":
      case "div":
      case "minimum":
      case "maximum":
      case "prelu":
        return this.elementwise(operator);
      case "concat":
        return this.concat(operator);
      case "reshape":
        return this.reshape(input, output);
      case "mean":
      case "sum":
      case "reduceMax":
      case "reduceMin": {
        const last = this.rank(input) - 1;
        const reduces = operator.attributes.axes.some((axis) => (axis < 0 ? axis + last + 1 : axis) === last);
        return !reduces && this.pass(input, output);
      }
      case "pad": {
        const { before, after } = operator.attributes;
        return before.at(-1) === 0 && after.at(-1) === 0 && this.pass(input, output);
      }
      case "transpose": {
        const last = this.rank(input) - 1;
        return operator.attributes.permutation[last] === last && this.pass(input, output);
      }
      case "maxPool2d":
      case "averagePool2d":
      case "resizeNearest":
      case "resizeBilinear":
      case "relu":
      case "relu6":
      case "leakyRelu":
      case "elu":
      case "selu":
      case "gelu":
      case "hardSwish":
      case "hardSigmoid":
      case "sigmoid":
      case "tanh":
      case "softplus":
      case "softsign":
      case "abs":
      case "clip":
        return this.pass(input, output);
      default:
        return false;
    }
  }

  private produce(output: string, weights: string, axis: number, bias: string | undefined): boolean {
    const atoms = this.fresh(output);
    this.label(weights, axis, atoms, "producer");
    if (bias) this.label(bias, 0, atoms, "producer");
    return true;
  }

  private pass(input: string, output: string): boolean {
    this.labels.set(output, this.of(input));
    return true;
  }

  private elementwise(operator: Operator): boolean {
    const output = operator.outputs[0]!;
    const width = this.graph.tensors.get(output)!.shape.at(-1) ?? 1;
    const result = operator.inputs
      .map((name) => this.labels.get(name))
      .find((atoms) => atoms?.length === width);
    if (result === undefined) return false;
    for (const name of operator.inputs) {
      if (this.isConstant(name)) {
        const { shape } = this.graph.tensors.get(name)!;
        if (shape.at(-1) === width) this.label(name, shape.length - 1, result, "producer");
        continue;
      }
      const atoms = this.of(name);
      if (atoms.length === width)
        atoms.forEach((atom, i) => {
          this.tie(atom, result[i]!);
        });
      else this.freeze(atoms);
    }
    this.labels.set(output, result);
    return true;
  }

  private concat(operator: OperatorOf<"concat">): boolean {
    if (operator.inputs.some((name) => this.isConstant(name))) return false;
    const parts = operator.inputs.map((name) => this.of(name));
    const last = this.rank(operator.outputs[0]!) - 1;
    const { axis } = operator.attributes;
    if (axis === last || axis === -1) {
      this.labels.set(operator.outputs[0]!, Int32Array.from(parts.flatMap((part) => [...part])));
      return true;
    }
    for (const part of parts)
      part.forEach((atom, i) => {
        this.tie(atom, parts[0]![i]!);
      });
    this.labels.set(operator.outputs[0]!, parts[0]!);
    return true;
  }

  /** In row-major order the channel is the fastest digit: a wider last axis repeats the channels. */
  private reshape(input: string, output: string): boolean {
    const atoms = this.of(input);
    const width = this.graph.tensors.get(output)!.shape.at(-1) ?? 1;
    if (atoms.length === 0 || width % atoms.length !== 0) return false;
    this.labels.set(output, repeated(atoms, width));
    return true;
  }

  private freezeAll(operator: Operator): void {
    for (const name of operator.inputs) {
      const atoms = this.labels.get(name);
      if (atoms !== undefined) this.freeze(atoms);
    }
    for (const name of operator.outputs) this.freeze(this.fresh(name));
  }

  private collect(): ChannelAnalysis {
    const ids = new Map<number, number>();
    const idOf = (atom: number): number => {
      const root = this.find(atom);
      if (this.frozen[root]) return -1;
      let id = ids.get(root);
      if (id === undefined) {
        id = ids.size;
        ids.set(root, id);
      }
      return id;
    };
    const activations = new Map<string, Int32Array>();
    for (const [name, atoms] of this.labels) activations.set(name, atoms.map(idOf));
    const slices: ChannelSlice[][] = [];
    const constants = new Map<string, Map<number, Int32Array>>();
    for (const [tensor, axes] of this.constants) {
      const byAxis = new Map<number, Int32Array>();
      for (const [axis, { labels, role }] of axes) {
        const groups = labels.map(idOf);
        byAxis.set(axis, groups);
        groups.forEach((id, index) => {
          if (id < 0) return;
          slices[id] ??= [];
          slices[id].push({ tensor, axis, index, role });
        });
      }
      constants.set(tensor, byAxis);
    }
    const groups = [...ids].map(([root, id]) => ({
      id,
      space: this.findSpace(this.spaceOf[root]!),
      slices: slices[id] ?? [],
    }));
    return { groups, activations, constants };
  }

  private label(name: string, axis: number, atoms: Int32Array, role: ChannelSlice["role"]): void {
    let axes = this.constants.get(name);
    if (axes === undefined) {
      axes = new Map();
      this.constants.set(name, axes);
    }
    const known = axes.get(axis);
    // A constant that two operators share can lose a row only where both lose it.
    if (known === undefined) axes.set(axis, { labels: atoms, role });
    else
      known.labels.forEach((atom, i) => {
        this.tie(atom, atoms[i]!);
      });
  }

  private of(name: string): Int32Array {
    return this.labels.get(name) ?? this.freeze(this.fresh(name));
  }

  private fresh(name: string): Int32Array {
    const space = this.spaceParent.length;
    this.spaceParent.push(space);
    const width = this.graph.tensors.get(name)!.shape.at(-1) ?? 1;
    const atoms = Int32Array.from({ length: width }, () => {
      const atom = this.parent.length;
      this.parent.push(atom);
      this.frozen.push(false);
      this.spaceOf.push(space);
      return atom;
    });
    this.labels.set(name, atoms);
    return atoms;
  }

  private freeze(atoms: Int32Array): Int32Array {
    for (const atom of atoms) this.frozen[this.find(atom)] = true;
    return atoms;
  }

  private tie(a: number, b: number): void {
    const rootA = this.find(a);
    const rootB = this.find(b);
    if (rootA === rootB) return;
    this.parent[rootB] = rootA;
    this.frozen[rootA] = this.frozen[rootA]! || this.frozen[rootB]!;
    this.spaceParent[this.findSpace(this.spaceOf[rootB]!)] = this.findSpace(this.spaceOf[rootA]!);
  }

  private find(atom: number): number {
    let root = atom;
    while (this.parent[root] !== root) root = this.parent[root]!;
    this.parent[atom] = root;
    return root;
  }

  private findSpace(space: number): number {
    let root = space;
    while (this.spaceParent[root] !== root) root = this.spaceParent[root]!;
    return root;
  }

  private isConstant(name: string | undefined): boolean {
    return name !== undefined && this.graph.tensors.get(name)?.data !== undefined;
  }

  private rank(name: string): number {
    return (this.graph.tensors.get(name) as Tensor).shape.length;
  }
}

function repeated(atoms: Int32Array, width: number): Int32Array {
  return Int32Array.from({ length: width }, (_, i) => atoms[i % atoms.length]!);
}
