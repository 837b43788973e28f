import { ModelFormatError } from "../../errors.js";

/** One array of a layer, as its file names it. */
export interface NamedArray {
  /** Such as "conv1/kernel:0", "cell/vars/0", "forward_lstm/lstm_cell/bias". */
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Where a layer stands: the names of the models around it, then its own; and the same as Keras 3 numbers them. */
export interface LayerPlace {
  readonly names: readonly string[];
  /** "layers/sequential/layers/dense_1": by class, counted among the layers of its model. */
  readonly counted: string;
}

/** The arrays of each layer, whatever file they stand in. */
export interface WeightStore {
  /** In the file's order; empty where the layer has none. */
  arraysOf(place: LayerPlace): readonly NamedArray[];
}

export interface WantedArray {
  readonly name: string;
  readonly shape: readonly number[];
}

/** The arrays of one layer, asked for by what they are. */
export class LayerWeights {
  constructor(
    /** 'Dense "dense_1"', for messages. */
    readonly place: string,
    readonly arrays: readonly NamedArray[],
  ) {}

  /** Those whose name has a part that begins so: the two directions of a Bidirectional. */
  part(prefix: string): LayerWeights {
    const inside = this.arrays.filter(({ name }) => name.split("/").some((part) => part.startsWith(prefix)));
    return new LayerWeights(`${this.place} (${prefix.replace(/_$/, "")})`, inside);
  }

  /**
   * One array for each wanted, by name where the file has names, by place where it numbers them. Throws
   * ModelFormatError that names the layer and the array that is missing or of another shape.
   */
  take(wanted: readonly WantedArray[]): Float32Array[] {
    const byName = new Map(this.arrays.map((array) => [lastPart(array.name), array]));
    const areNamed = wanted.every(({ name }) => byName.has(name));
    const isWhole = areNamed || this.arrays.length === wanted.length;
    if (!isWhole) {
      throw this.#fault(
        `${wanted.length} arrays (${wanted.map(({ name }) => name).join(", ")})`,
        `${this.arrays.length} (${this.arrays.map(({ name }) => name).join(", ")})`,
      );
    }
    return wanted.map(({ name, shape }, i) => {
      const array = areNamed ? byName.get(name)! : this.arrays[i]!;
      if (array.shape.length !== shape.length || shape.some((length, axis) => length !== array.shape[axis])) {
        throw this.#fault(`"${name}" of shape [${shape.join(", ")}]`, `[${array.shape.join(", ")}]`);
      }
      return array.data;
    });
  }

  #fault(expected: string, got: string): ModelFormatError {
    return new ModelFormatError({
      expected: `${expected} as weights of ${this.place}`,
      got,
      todo: "The weights are not those of this configuration: save the whole model again with model.save().",
    });
  }
}

/** "conv1/kernel:0" -> "kernel". */
function lastPart(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1).replace(/:\d+$/, "");
}
