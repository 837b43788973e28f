import { permute } from "../../../graph/size.js";
import { type LayerContext, type LayerTable, only, type Value } from "../importer.js";
import { activated, fusedActivation } from "./activation.js";

/** Products with weights, tables, and layers that do nothing at inference. */
export const CORE: LayerTable = {
  Dense: (context, inputs) => {
    const { importer, path, config, weights } = context;
    const value = only(context, inputs);
    const units = config.length("units");
    const width = value.shape.at(-1)!;
    const [data, bias] = weights.take([
      { name: "kernel", shape: [width, units] },
      ...(config.boolean("use_bias", true) ? [{ name: "bias", shape: [units] }] : []),
    ]) as [Float32Array, Float32Array?];
    const moved = permute(data, [width, units], [1, 0]);
    const kernel = importer.constant(path, "kernel", moved.shape, moved.data);
    const shift = bias === undefined ? [] : [importer.constant(path, "bias", [units], bias)];
    const tensor = importer.step(path, "fullyConnected", [importer.plain(path, value), kernel, ...shift], {
      activation: fusedActivation(context),
      keepDims: value.shape.length > 2,
    });
    return activated(context, importer.made(tensor));
  },
  Embedding: (context, inputs) => {
    const { importer, path, config, weights } = context;
    const value = only(context, inputs);
    const shape = [config.length("input_dim"), config.length("output_dim")];
    const [data] = weights.take([{ name: "embeddings", shape }]) as [Float32Array];
    const table = importer.constant(path, "embeddings", shape, data);
    const indices = importer.step(path, "cast", [importer.plain(path, value)], { to: "int32" });
    const made = importer.made(importer.step(path, "gather", [table, indices], { axis: 0 }));
    return config.boolean("mask_zero", false) ? { ...made, isMasked: true } : made;
  },
  Dropout: unchanged,
  SpatialDropout1D: unchanged,
  SpatialDropout2D: unchanged,
  AlphaDropout: unchanged,
  GaussianDropout: unchanged,
  GaussianNoise: unchanged,
  ActivityRegularization: unchanged,
  Identity: unchanged,
  RandomFlip: unchanged,
  RandomRotation: unchanged,
  RandomZoom: unchanged,
  RandomTranslation: unchanged,
  RandomContrast: unchanged,
  RandomBrightness: unchanged,
};

/** Layers that act in training only. */
function unchanged(context: LayerContext, inputs: readonly Value[]): Value {
  return only(context, inputs);
}
