import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { goldenOf, unpackBundle } from "@mote/protocol";
import { nodeSha256 } from "@mote/protocol/node";
import onnxProto from "onnx-proto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeNpz } from "../data/index.js";
import { DataError, FileError, ModelFormatError, UsageError } from "../errors.js";
import { createBundle } from "./create-bundle.js";
import type { BundleDraft } from "./draft.js";

const { onnx } = onnxProto;
let folder = "";

/** Softmax of a 4 -> 3 dense layer: small, and a real file for a real runtime. */
function tinyClassifier(weight: number): Uint8Array {
  const FLOAT = onnx.TensorProto.DataType.FLOAT;
  const value = (name: string, dims: number[]) => ({
    name,
    type: { tensorType: { elemType: FLOAT, shape: { dim: dims.map((dimValue) => ({ dimValue })) } } },
  });
  const weights = Array.from({ length: 12 }, (_, i) => Math.sin(i) * weight);
  const model = onnx.ModelProto.create({
    irVersion: 8,
    opsetImport: [{ domain: "", version: 13 }],
    graph: {
      name: "tiny",
      input: [value("x", [1, 4])],
      output: [value("y", [1, 3])],
      initializer: [{ name: "w", dims: [4, 3], dataType: FLOAT, floatData: weights }],
      node: [
        { opType: "MatMul", input: ["x", "w"], output: ["z"] },
        { opType: "Softmax", input: ["z"], output: ["y"] },
      ],
    },
  });
  return new Uint8Array(onnx.ModelProto.encode(model).finish());
}

function draft(change: Partial<BundleDraft> = {}): BundleDraft {
  return {
    name: "tiny",
    version: "1.0.0",
    sequence: 1,
    labels: ["a", "b", "c"],
    variants: [{ id: "gateway", model: join(folder, "a.onnx"), hardware: ["gateway", "phone"] }],
    golden: { data: join(folder, "x.npz"), count: 3 },
    reference: { data: join(folder, "x.npz") },
    test: { data: join(folder, "x.npz") },
    ...change,
  };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "mote-bundle-"));
  await writeFile(join(folder, "a.onnx"), tinyClassifier(1));
  await writeFile(join(folder, "b.onnx"), tinyClassifier(2));
  const x = Float32Array.from({ length: 40 }, (_, i) => Math.cos(i));
  const y = Int32Array.from({ length: 10 }, (_, i) => i % 3);
  await writeFile(
    join(folder, "x.npz"),
    encodeNpz({ x: { shape: [10, 4], data: x }, y: { shape: [10], data: y } }),
  );
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("createBundle", () => {
  it("packs a model with its own answers, statistics and lineage", async () => {
    const { file, manifest } = await createBundle(draft(), "test");
    const bundle = unpackBundle(file, nodeSha256);
    expect(bundle.manifest).toEqual(manifest);
    const variant = manifest.variants[0]!;
    expect(variant.input).toEqual({ name: "x", dtype: "float32", shape: [1, 4] });
    expect(bundle.artifacts.get(variant.artifact.sha256)).toEqual(
      new Uint8Array(await readFile(join(folder, "a.onnx"))),
    );
    const vectors = goldenOf(bundle.artifacts, variant);
    expect(vectors.outputs).toHaveLength(3);
    const probabilities = new Float32Array(vectors.outputs[0]!.slice().buffer);
    expect(probabilities.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
    expect(manifest.reference!.samples).toBe(10);
    expect(manifest.reference!.outputs.reduce((a, b) => a + b)).toBe(10);
    expect(manifest.modelCard.samples).toBe(10);
  });

  it("gives the same bytes for the same inputs", async () => {
    const [first, second] = [await createBundle(draft(), "test"), await createBundle(draft(), "test")];
    expect(second.file).toEqual(first.file);
  });

  it("gives two trainings of one network the same architecture and different content", async () => {
    const a = (await createBundle(draft(), "test")).manifest.variants[0]!;
    const other = [{ id: "gateway", model: join(folder, "b.onnx"), hardware: ["gateway"] }];
    const b = (await createBundle(draft({ variants: other }), "test")).manifest.variants[0]!;
    expect(b.architectureHash).toBe(a.architectureHash);
    expect(b.artifact.sha256).not.toBe(a.artifact.sha256);
  });

  it("counts the sequence on from the parent, and refuses one that does not grow", async () => {
    const parent = join(folder, "parent.bundle");
    await writeFile(parent, (await createBundle(draft({ sequence: 7 }), "test")).file);
    const { sequence: _, ...unnumbered } = draft({ version: "1.1.0", lineage: { parent } });
    const child = await createBundle(unnumbered, "test");
    expect(child.manifest.sequence).toBe(8);
    expect(child.manifest.lineage.parentManifestSha256).toMatch(/^[0-9a-f]{64}$/);
    await expect(createBundle({ ...unnumbered, sequence: 7 }, "test")).rejects.toThrow(UsageError);
  });

  it("names training data by their digest, a folder by those of its files whatever their order", async () => {
    const data = join(folder, "train");
    await mkdir(join(data, "b"), { recursive: true });
    await writeFile(join(data, "b", "1.bin"), "one");
    await writeFile(join(data, "a.bin"), "two");
    const of = async (trainingData: string): Promise<string | undefined> =>
      (await createBundle(draft({ lineage: { trainingData } }), "test")).manifest.lineage.trainingDataSha256;
    const hex = (text: string): string => createHash("sha256").update(text).digest("hex");
    expect(await of(join(data, "a.bin"))).toBe(hex("two"));
    expect(await of(data)).toBe(hex(`${hex("two")}  a.bin\n${hex("one")}  b/1.bin\n`));
    await expect(of(join(folder, "nowhere"))).rejects.toThrow(FileError);
  });

  it("refuses data of another shape, a damaged model, and files that are not there", async () => {
    const odd = join(folder, "odd.npz");
    const x = { shape: [2, 5], data: new Float32Array(10) };
    await writeFile(odd, encodeNpz({ x }));
    await expect(createBundle(draft({ golden: { data: odd } }), "test")).rejects.toThrow(DataError);
    const cut = join(folder, "cut.onnx");
    await writeFile(cut, tinyClassifier(1).slice(0, 40));
    const variants = (model: string) => [{ id: "v", model, hardware: ["h"] }];
    await expect(createBundle(draft({ variants: variants(cut) }), "test")).rejects.toThrow(ModelFormatError);
    await expect(createBundle(draft({ variants: variants(join(folder, "no")) }), "test")).rejects.toThrow(
      FileError,
    );
  });
});
