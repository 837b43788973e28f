import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { EXIT } from "@mote/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeNpz } from "../../data/npz.js";
import { writeTensor } from "../../data/raw-tensor.js";
import { loadDigits } from "../../train/digits.js";
import type { CliCommand } from "../command.js";
import { tryCommand } from "../testing.js";

const MODEL = resolve(import.meta.dirname, "../../../models/digits/digits-v1-pruned.onnx");
let folder: string;
const path = (name: string): string => join(folder, name);

/** Runs a command as main.ts does: its JSON document, and the exit code that its error stands for. */
async function mote(name: string, ...words: string[]) {
  const { command } = (await import(`./${name}.js`)) as { command: CliCommand };
  const outcome = await tryCommand(command, ...words);
  return { ...outcome, exit: outcome.error?.exitCode ?? EXIT.done };
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "mote-int-"));
  const { validation, test } = await loadDigits();
  for (const [name, set, count] of [
    ["calibration.npz", validation, 48],
    ["test.npz", test, 150],
  ] as const) {
    const x = new Float32Array(count * 784);
    for (let i = 0; i < count; i++) x.set(set.sample(i), i * 784);
    writeNpz(path(name), {
      x: { shape: [count, 28, 28, 1], data: x },
      y: { shape: [count], data: set.labels.slice(0, count) },
    });
  }
  await writeTensor(path("digit.npy"), [28, 28, 1], test.sample(0));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("mote quantize, evaluate and run on the digit reader", () => {
  it("quantize, judge, and run the result bit-exact", async () => {
    const quantized = await mote(
      "quantize",
      MODEL,
      "--data",
      path("calibration.npz"),
      "--test",
      path("test.npz"),
      "-o",
      path("int8.onnx"),
      "--min-accuracy",
      "0.9",
    );
    expect(quantized.exit).toBe(EXIT.done);
    const { accuracyBefore, accuracyAfter, bytesBefore, bytesAfter, rounding } = quantized.json;
    expect(Number(accuracyAfter)).toBeGreaterThan(Number(accuracyBefore) - 0.02);
    expect(Number(bytesAfter)).toBeLessThan(Number(bytesBefore) / 2);
    expect(rounding).toBe("double");

    const judged = await mote(
      "evaluate",
      path("int8.onnx"),
      "--data",
      path("test.npz"),
      "--against",
      MODEL,
      "--layers",
    );
    expect(judged.json["accuracy"]).toBe(accuracyAfter);
    expect(judged.json["samples"]).toBe(150);
    const layers = judged.json["layers"] as { sqnrDb: number }[];
    expect(layers.length).toBeGreaterThan(5);
    expect(layers[0]!.sqnrDb).toBeGreaterThan(30);

    const run = (tensors: string) =>
      mote(
        "run",
        path("int8.onnx"),
        "--input",
        path("digit.npy"),
        "--output",
        path("out.bin"),
        "--tensors",
        path(tensors),
      );
    const [first, second] = [await run("a"), await run("b")];
    expect(first.json["outputs"]).toEqual(second.json["outputs"]);
    const listed = readFileSync(path("a/tensors.txt"), "utf8").trim().split("\n");
    const last = listed.at(-1)!.split(" ")[0]!;
    expect(readFileSync(path(`a/${last}`))).toEqual(readFileSync(path("out.bin")));
  });

  it("leaves with 3 below the accuracy floor, after writing the model", async () => {
    const { exit, error, json } = await mote(
      "quantize",
      MODEL,
      "--data",
      path("calibration.npz"),
      "--test",
      path("test.npz"),
      "-o",
      path("floor.onnx"),
      "--no-equalize",
      "--min-accuracy",
      "1",
    );
    expect(exit).toBe(EXIT.limitNotMet);
    expect(error!.message).toMatch(/mote evaluate/);
    expect(json["accuracyAfter"]).toBeLessThan(1);
  });

  it.each([
    [
      "an unknown calibration method",
      ["quantize", MODEL, "--data", "calibration.npz", "-o", "x.onnx", "--calibrate", "guess"],
      /minmax/,
    ],
    ["data that do not exist", ["quantize", MODEL, "--data", "none.npz", "-o", "x.onnx"], /none.npz/],
    [
      "an output format that can't be written",
      ["quantize", MODEL, "--data", "calibration.npz", "-o", "x.txt"],
      /x.txt/,
    ],
    ["--layers without a reference", ["evaluate", MODEL, "--data", "test.npz", "--layers"], /--against/],
    ["an input of the wrong size", ["run", MODEL, "--input", "calibration.npz"], /784 values/],
  ])("refuses %s with exit code 2", async (_name, words, message) => {
    const placed = words.map((word) => (word.endsWith(".npz") || word.startsWith("x.") ? path(word) : word));
    const { exit, error } = await mote(placed[0]!, ...placed.slice(1));
    expect(exit).toBe(EXIT.badInput);
    expect(error!.message).toMatch(message);
  });
});
