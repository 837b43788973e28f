import { ModelFormatError } from "../../errors.js";
import type { Hdf5Dataset, Hdf5File } from "./hdf5-protocol.js";
import type { NamedArray, WeightStore } from "./weights.js";

/** Weights as `.h5` files hold them: a group per layer of the outermost model, its arrays in a list of names. */
export function legacyStore(file: Hdf5File): WeightStore {
  const root = file.datasets.size > 0 && hasGroup(file, "model_weights") ? "model_weights/" : "";
  const listed = new Map<string, readonly NamedArray[]>();
  const arraysIn = (layer: string): readonly NamedArray[] => {
    const known = listed.get(layer);
    if (known !== undefined) return known;
    const group = `${root}${layer}`;
    const arrays = namesOf(file, group, "weight_names").map((name) =>
      arrayOf(name, file.datasets.get(`${group}/${name}`)),
    );
    listed.set(layer, arrays);
    return arrays;
  };
  return { arraysOf: ({ names }) => ofLayer(arraysIn(names[0]!), names) };
}

/**
 * The arrays of one layer among those of the outermost model's layer around it. Keras 2 names them "dense/kernel:0"
 * even inside a model inside a model, Keras 3 "sequential/dense/kernel".
 */
export function ofLayer(arrays: readonly NamedArray[], names: readonly string[]): readonly NamedArray[] {
  if (names.length === 1) return arrays;
  const layer = names.at(-1)!;
  return arrays.filter(({ name }) => name.split("/").slice(0, -1).includes(layer));
}

/** Weights as Keras 3 numbers them in model.weights.h5: layers/dense_1/vars/0, layers/lstm/cell/vars/0. */
export function numberedStore(file: Hdf5File): WeightStore {
  const paths = [...file.datasets.keys()];
  return {
    arraysOf({ counted }) {
      const prefix = [counted, `_layer_checkpoint_dependencies/${counted.replace(/^layers\//, "")}`]
        .map((path) => `${path}/`)
        .find((candidate) => paths.some((path) => path.startsWith(candidate)));
      if (prefix === undefined) return [];
      return paths
        .filter((path) => path.startsWith(prefix) && IS_VARIABLE.test(path.slice(prefix.length)))
        .sort(byNumbers)
        .map((path) => arrayOf(path.slice(prefix.length), file.datasets.get(path)));
    },
  };
}

const IS_VARIABLE = /(^|\/)vars\/\d+$/;

/** vars/2 before vars/10. */
function byNumbers(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}

/** A list of names, which Keras cuts into name0, name1, … where it is too long for one attribute. */
function namesOf(file: Hdf5File, group: string, attribute: string): readonly string[] {
  const attributes = file.attributes.get(group);
  if (attributes === undefined) return [];
  const whole = attributes.get(attribute);
  if (whole !== undefined) return whole;
  const names: string[] = [];
  for (let i = 0; attributes.has(`${attribute}${i}`); i++) names.push(...attributes.get(`${attribute}${i}`)!);
  return names;
}

function hasGroup(file: Hdf5File, path: string): boolean {
  return file.attributes.has(path);
}

function arrayOf(name: string, dataset: Hdf5Dataset | undefined): NamedArray {
  if (dataset === undefined || typeof dataset.data === "string") {
    throw new ModelFormatError({
      expected: `numbers for the weights "${name}"`,
      got: dataset === undefined ? "nothing" : String(dataset.data),
      todo: "Save the whole model with model.save(), with float32 weights.",
    });
  }
  const { shape, data } = dataset;
  if (data.length !== shape.reduce((product, length) => product * length, 1)) {
    throw new ModelFormatError({
      expected: `weights "${name}" of shape [${shape.join(", ")}]`,
      got: `${data.length} numbers`,
      todo: "The file is damaged: save the model again.",
    });
  }
  return { name, shape, data };
}
