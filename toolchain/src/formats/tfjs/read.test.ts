import { utf8 } from "@mote/protocol";
import * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import { openFloat } from "../../execute/float.js";
import { readTfjs, surveyTfjs } from "./read.js";

/** Models that TensorFlow.js itself saves, against what it computes for them. */
const { layers } = tf;

interface Saved {
  readonly json: Uint8Array;
  readonly shards: ReadonlyMap<string, Uint8Array>;
}

/** As its file handler lays them out: model.json and one shard of weights. */
async function saved(model: tf.LayersModel): Promise<Saved> {
  let made: Saved | undefined;
  await model.save(
    tf.io.withSaveHandler((artifacts) => {
      const { modelTopology, weightSpecs, weightData, format } = artifacts;
      const weightsManifest = [{ paths: ["weights.bin"], weights: weightSpecs }];
      const json = utf8(JSON.stringify({ modelTopology, format, weightsManifest }));
      const bytes = new Uint8Array(tf.io.CompositeArrayBuffer.join(weightData!));
      made = { json, shards: new Map([["weights.bin", bytes]]) };
      return Promise.resolve({ modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: "JSON" } });
    }),
  );
  return made!;
}

function shardsOf({ shards }: Saved): (name: string) => Promise<Uint8Array> {
  return (name) => Promise.resolve(shards.get(name)!);
}

function image(): tf.LayersModel {
  const x = tf.input({ shape: [8, 7, 3], name: "image" });
  const conv = layers.conv2d({ filters: 4, kernelSize: 3, strides: 2, padding: "same", activation: "relu" });
  let y = conv.apply(x) as tf.SymbolicTensor;
  y = layers.batchNormalization({ movingMeanInitializer: "randomNormal" }).apply(y) as tf.SymbolicTensor;
  y = layers.depthwiseConv2d({ kernelSize: 3, padding: "same" }).apply(y) as tf.SymbolicTensor;
  y = layers.separableConv2d({ filters: 5, kernelSize: 2, activation: "elu" }).apply(y) as tf.SymbolicTensor;
  const pooled = layers.globalAveragePooling2d({ dataFormat: "channelsLast" }).apply(y) as tf.SymbolicTensor;
  const wide = layers.upSampling2d({ size: [2, 2] }).apply(y) as tf.SymbolicTensor;
  const most = layers.globalMaxPooling2d({ dataFormat: "channelsLast" }).apply(wide) as tf.SymbolicTensor;
  const both = layers.concatenate().apply([pooled, most]) as tf.SymbolicTensor;
  return tf.model({ inputs: x, outputs: layers.dense({ units: 3 }).apply(both) as tf.SymbolicTensor });
}

function nested(): tf.LayersModel {
  const block = tf.sequential({
    layers: [layers.dense({ units: 4, inputShape: [6], activation: "tanh" }), layers.layerNormalization()],
  });
  return tf.sequential({ layers: [block, layers.dropout({ rate: 0.5 }), layers.dense({ units: 2 })] });
}

function sequence(): tf.LayersModel {
  const lstm = layers.lstm({ units: 3, returnSequences: true, recurrentActivation: "sigmoid" });
  const gru = layers.gru({ units: 2, recurrentActivation: "sigmoid" }) as tf.RNN;
  return tf.sequential({
    layers: [
      layers.conv1d({
        filters: 4,
        kernelSize: 3,
        inputShape: [9, 2],
        padding: "same",
        activation: "softplus",
      }),
      layers.maxPooling1d({ poolSize: 2 }),
      lstm,
      layers.bidirectional({ layer: gru, mergeMode: "concat" }),
      layers.dense({ units: 3, activation: "softmax" }),
    ],
  });
}

describe.each([
  { name: "an image model", make: image },
  { name: "a model inside a model", make: nested },
  { name: "a sequence model", make: sequence },
])("$name of TensorFlow.js", ({ make }) => {
  it("computes what TensorFlow.js computes", async () => {
    const model = make();
    const size = model.inputs[0]!.shape.slice(1) as number[];
    const x = tf.randomNormal([1, ...size], 0, 1, "float32", 7);
    const wanted = (model.predict(x) as tf.Tensor).dataSync();
    const file = await saved(model);
    const graph = await readTfjs(file.json, shardsOf(file));
    const float = await openFloat(graph);
    const got = await float.run(new Map([[graph.inputs[0]!, x.dataSync() as Float32Array]]));
    await float.release();
    const values = got.get(graph.outputs[0]!) as Float32Array;
    expect(values.length).toBe(wanted.length);
    wanted.forEach((value, i) => {
      expect(Math.abs(value - values[i]!)).toBeLessThan(1e-5);
    });
  });
});

describe("a TensorFlow.js model that can't be read", () => {
  it("says which layers, how often and where", async () => {
    const { json } = await saved(image());
    const text = Buffer.from(json)
      .toString()
      .replaceAll('"class_name":"UpSampling2D"', '"class_name":"Bent"');
    expect(surveyTfjs(utf8(text)).unsupported).toMatchObject([{ operator: "Bent", count: 1 }]);
  });

  it("that is a graph model is refused by that name", () => {
    const json = utf8(
      JSON.stringify({ format: "graph-model", modelTopology: { node: [] }, weightsManifest: [] }),
    );
    expect(() => surveyTfjs(json)).toThrow(/graph model/);
  });

  it("whose shard is shorter than its manifest says is refused, naming the weights", async () => {
    const file = await saved(nested());
    const short = (name: string) => Promise.resolve(file.shards.get(name)!.slice(0, 40));
    await expect(readTfjs(file.json, short)).rejects.toThrow(
      /bytes for weights ".*kernel".*left in its shards/s,
    );
  });

  it("whose shard lies in another folder is refused", async () => {
    const file = await saved(nested());
    const text = Buffer.from(file.json).toString().replace("weights.bin", "../secret.bin");
    await expect(readTfjs(utf8(text), shardsOf(file))).rejects.toThrow(/shards beside model.json/);
  });

  it("whose weights are of another shape is refused, naming the layer", async () => {
    const file = await saved(nested());
    const text = Buffer.from(file.json).toString().replace('"units":2', '"units":3');
    await expect(readTfjs(utf8(text), shardsOf(file))).rejects.toThrow(/"kernel" of shape \[4, 3\].*Dense/s);
  });
});
