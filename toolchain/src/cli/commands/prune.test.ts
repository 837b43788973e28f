import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { writeNpz } from "../../data/npz.js";
import { readModel, writeModel } from "../../formats/index.js";
import { NetworkBuilder } from "../../train/network.js";
import { Random } from "../../train/random.js";
import { runCommand } from "../testing.js";
import { command } from "./prune.js";

let folder = "";
const file = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "mote-prune-"));
  vi.stubEnv("MOTE_TF_BACKEND", "wasm");
  const random = new Random(1);
  writeNpz(file("data.npz"), {
    x: { shape: [120, 6, 6, 1], data: Float32Array.from({ length: 120 * 36 }, () => random.normal()) },
    y: { shape: [120], data: Int32Array.from({ length: 120 }, () => random.below(3)) },
  });
  const graph = new NetworkBuilder("tiny", [6, 6, 1], 1)
    .convolution("conv", { channels: 16, kernel: [3, 3] })
    .maxPool("pool", [2, 2])
    .flatten("flatten")
    .dense("hidden", 16, "relu")
    .dense("logits", 3, "none")
    .softmax("probabilities")
    .build();
  await writeModel(graph, file("tiny.onnx"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
  vi.unstubAllEnvs();
});

const prune = (...words: string[]) => runCommand(command, ...words);

describe("mote prune", () => {
  it("writes a smaller dense model and says what it cost and saved", async () => {
    const document = await prune(file("tiny.onnx"), "--data", file("data.npz"), "-o", file("small.onnx"));
    const small = await readModel(file("small.onnx"));
    expect(document).toMatchObject({
      structure: "channel",
      sparsity: 0.5,
      removableChannels: 32,
      epochs: 2,
      backend: "wasm",
      bytesBefore: statSync(file("tiny.onnx")).size,
      bytesAfter: statSync(file("small.onnx")).size,
    });
    expect(document["bytesAfter"]).toBeLessThan(statSync(file("tiny.onnx")).size * 0.7);
    expect(document["macsAfter"]).toBeLessThan(Number(document["macsBefore"]));
    expect(document["evaluatedOn"]).toMatchObject({ samples: 12 });
    const kept = small.tensors.get(small.operators.find(({ kind }) => kind === "conv2d")!.inputs[1]!)!
      .shape[0]!;
    expect(kept % 4).toBe(0);
    expect(kept).toBeLessThan(16);
  });

  it("keeps the size with --structure weight, and counts the zeros", async () => {
    const document = await prune(
      ...[file("tiny.onnx"), "--data", file("data.npz"), "-o", file("sparse.onnx")],
      ...["--structure", "weight", "--sparsity", "0.6", "--epochs", "1", "--test", file("data.npz")],
    );
    expect(document["macsAfter"]).toBe(document["macsBefore"]);
    expect(document["evaluatedOn"]).toMatchObject({ samples: 120 });
    expect(Number(document["nonZeroAfter"])).toBeLessThan(0.55 * Number(document["parametersAfter"]));
  });

  it("refuses what it can't do, before any work", async () => {
    const args = [file("tiny.onnx"), "--data", file("data.npz"), "-o", file("no.onnx")];
    await expect(prune(...args, "--structure", "block")).rejects.toThrow("channel, weight, 2:4");
    await expect(prune(...args, "--sparsity", "1.5")).rejects.toThrow("0 to 0.95");
    await expect(prune(...args, "--epochs", "many")).rejects.toThrow("whole number");
    expect(() => statSync(file("no.onnx"))).toThrow("ENOENT");
  });
});
