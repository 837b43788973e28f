import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { writeNpz } from "../../data/npz.js";
import { readModel, writeModel } from "../../formats/index.js";
import { NetworkBuilder } from "../../train/network.js";
import { Random } from "../../train/random.js";
import { runCommand } from "../testing.js";
import { command } from "./train.js";

let folder = "";
const file = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "mote-train-"));
  vi.stubEnv("MOTE_TF_BACKEND", "wasm");
  const random = new Random(1);
  const labels = Int32Array.from({ length: 200 }, () => random.below(2));
  // The class is the sign of the mean.
  const x = Float32Array.from({ length: 200 * 16 }, (_, i) => random.normal() + (labels[i >> 4] ? 1 : -1));
  writeNpz(file("data.npz"), { x: { shape: [200, 4, 4, 1], data: x }, y: { shape: [200], data: labels } });
  writeNpz(file("unlabelled.npz"), { x: { shape: [200, 4, 4, 1], data: x } });
  const graph = new NetworkBuilder("tiny", [4, 4, 1], 1)
    .convolution("conv", { channels: 4, kernel: [3, 3] })
    .flatten("flatten")
    .dense("logits", 2, "none")
    .softmax("probabilities")
    .build();
  await writeModel(graph, file("tiny.onnx"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
  vi.unstubAllEnvs();
});

const train = (...words: string[]) => runCommand(command, ...words);

describe("mote train", () => {
  it("fine-tunes, then serves as the teacher of another, on the int8 grid and without labels", async () => {
    const effort = ["--epochs", "15", "--learning-rate", "0.01"];
    const tuned = await train(
      file("tiny.onnx"),
      "--data",
      file("data.npz"),
      "-o",
      file("tuned.onnx"),
      ...effort,
    );
    expect(Number(tuned["accuracyAfter"])).toBeGreaterThan(0.9);
    expect(tuned["evaluatedOn"]).toMatchObject({ samples: 20 });

    const student = await train(
      ...[file("tiny.onnx"), "--data", file("unlabelled.npz"), "-o", file("student.onnx"), ...effort],
      ...["--teacher", file("tuned.onnx"), "--quantization-aware", "--test", file("data.npz")],
    );
    expect(student).toMatchObject({ quantizationAware: true, backend: "wasm" });
    expect(Number(student["accuracyAfter"])).toBeGreaterThan(0.9);
    expect(Number(student["int8AccuracyAfter"])).toBeGreaterThan(0.9);
    // Batch norms are folded before training on the grid.
    const kinds = (await readModel(file("student.onnx"))).operators.map(({ kind }) => kind);
    expect(kinds).not.toContain("batchNorm");
  });

  it("refuses data without labels where there is no teacher, and writes nothing", async () => {
    const args = [file("tiny.onnx"), "--data", file("unlabelled.npz"), "-o", file("no.onnx")];
    await expect(train(...args)).rejects.toThrow("labels, or a teacher");
    expect(existsSync(file("no.onnx"))).toBe(false);
  });
});
