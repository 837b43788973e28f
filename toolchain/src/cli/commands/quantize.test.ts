import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { EXIT } from "@mote/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeNpy } from "../../data/npy.js";
import { readModel } from "../../formats/index.js";
import type { UpdateReport } from "../../quantize/update-aware/options.js";
import { loadDigits } from "../../train/digits.js";
import { tryCommand } from "../testing.js";
import { command } from "./quantize.js";

const MODEL = resolve(import.meta.dirname, "../../../models/digits/digits-v1-pruned.onnx");
const SHARED =
  process.env["MOTE_DATA"] ?? fileURLToPath(new URL("../../../../../shared/data", import.meta.url));
const WHOLE_MODEL = resolve(import.meta.dirname, "../../../models/digits/digits-v1.onnx");
const MOTE = resolve(import.meta.dirname, "../../../dist/cli/main.js");
let folder: string;
const path = (name: string): string => join(folder, name);

const quantize = (...words: string[]) => tryCommand(command, ...words);

function save(name: string, shape: number[], value: (i: number) => number): string {
  const size = shape.reduce((product, length) => product * length, 1);
  writeFileSync(
    path(name),
    encodeNpy({ shape, data: Float32Array.from({ length: size }, (_, i) => value(i)) }),
  );
  return path(name);
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "mote-quantize-"));
  const { validation } = await loadDigits();
  const x = new Float32Array(32 * 784);
  for (let i = 0; i < 32; i++) x.set(validation.sample(i), i * 784);
  save("digits.npy", [32, 28, 28, 1], (i) => x[i]!);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("mote quantize", () => {
  it("says in its report what was done, why, and which layer costs what", async () => {
    const { json } = await quantize(
      MODEL,
      "--data",
      path("digits.npy"),
      "-o",
      path("a.onnx"),
      "--sensitivity",
    );
    const recipe = json["recipe"] as { step: string; text: string }[];
    expect(recipe.map(({ step }) => step)).toEqual([
      "simplify",
      "equalize",
      "calibrate",
      "ranges",
      "bias-correction",
    ]);
    const sensitivity = json["sensitivity"] as { tensor: string; sqnrDb: number }[];
    expect(sensitivity.length).toBeGreaterThan(4);
    expect(sensitivity[0]!.sqnrDb).toBeLessThanOrEqual(sensitivity[1]!.sqnrDb);
  }, 180_000);

  for (const [name, shape] of [
    ["ad", [640]],
    ["ic", [32, 32, 3]],
    ["kws", [49, 10, 1]],
    ["vww", [96, 96, 3]],
  ] as const) {
    const model = join(SHARED, "mlperf-tiny", `${name}_float32.tflite`);
    it.skipIf(!existsSync(model))(
      `makes an int8 model of MLPerf Tiny's float reference ${name} (needs the shared data)`,
      async () => {
        const samples = save(`${name}.npy`, [4, ...shape], (i) => Math.sin(i * i));
        const { json } = await quantize(model, "--data", samples, "-o", path(`${name}.tflite`));
        expect(Number(json["bytesAfter"])).toBeGreaterThan(0);
        const graph = await readModel(path(`${name}.tflite`));
        const weights = graph.operators.flatMap(({ kind, inputs }) =>
          kind === "conv2d" || kind === "fullyConnected" ? [graph.tensors.get(inputs[1]!)!.dtype] : [],
        );
        expect(new Set(weights)).toEqual(new Set(["int8"]));
      },
      180_000,
    );
  }

  it("keeps by name what is wanted wider", async () => {
    const words = [MODEL, "--data", path("digits.npy"), "-o", path("k.onnx"), "--calibrate", "minmax"];
    const { json } = await quantize(...words, "--keep", "conv2.sum,dense1.out=int16", "dense2.out=float");
    expect(json["kept"]).toMatchObject({
      int16: expect.arrayContaining(["conv2.out", "dense1.out"]),
      float: [expect.stringMatching(/dense2/)],
    });
    expect((await quantize(...words, "--keep", "conv2.out=int9")).error?.message).toMatch(/int16, float/);
  }, 180_000);
});

describe("mote quantize --previous", () => {
  const NEXT = resolve(MODEL, "../digits-v2.onnx");

  it("rounds for the first version in the fleet and says what each of them fetches", async () => {
    const data = ["--data", path("digits.npy"), "--calibrate", "minmax"];
    const first = await quantize(MODEL, ...data, "-o", path("v1.onnx"), "--no-equalize");
    expect(first.error).toBeNull();
    await quantize(MODEL, ...data, "-o", path("v1b.onnx"), "--no-equalize", "--adaround");
    const words = ["--previous", path("v1.onnx"), "--previous", path("v1b.onnx"), "--fidelity", "0.5"];
    const page = ["--max-loss", "100", "--curve", path("curve.html")];
    const { json, error } = await quantize(NEXT, ...data, "-o", path("v2.onnx"), ...words, ...page);
    expect(error).toBeNull();
    const patches = json["patches"] as {
      previous: string;
      codec: string;
      patchBytes: number;
      share: number;
    }[];
    expect(patches.map(({ previous }) => previous)).toEqual([path("v1.onnx"), path("v1b.onnx")]);
    const full = json["fullBytes"] as number;
    for (const { codec, patchBytes, share } of patches) {
      expect(["full", "tensor", "bsdiff"]).toContain(codec);
      expect(patchBytes).toBeLessThanOrEqual(full);
      expect(share).toBeCloseTo(patchBytes / readFileSync(path("v2.onnx")).length, 10);
    }
    expect(patches[0]!.patchBytes).toBeLessThan(patches[1]!.patchBytes);
    const update = json["update"] as { chosen: { patchBytes: number }; validationSamples: number };
    expect(patches[0]!.patchBytes).toBeLessThanOrEqual(update.chosen.patchBytes);
    // Every other sample was kept apart.
    expect(update.validationSamples).toBe(16);
    const html = readFileSync(path("curve.html"), "utf8");
    expect(html).toContain(`${update.chosen.patchBytes} B`);
    expect(html).not.toMatch(/<script|https?:/);
  }, 300_000);

  it("retrains what changes, shows its rounds on the curve and signs off what it wrote", async () => {
    const data = ["--data", path("digits.npy"), "--calibrate", "minmax", "--no-equalize"];
    await quantize(MODEL, ...data, "-o", path("r1.onnx"));
    const words = ["--previous", path("r1.onnx"), "--fidelity", "0", "--max-loss", "100", "--refit", "2"];
    const { json, error } = await quantize(NEXT, ...data, "-o", path("r2.onnx"), ...words);
    expect(error).toBeNull();
    const recipe = json["recipe"] as { step: string; text: string }[];
    expect(recipe.at(-1)).toMatchObject({ step: "refit", text: expect.stringContaining("2 rounds") });
    const { chosen, curve } = json["update"] as UpdateReport;
    const rounds = curve.filter(({ lambda }) => lambda === null);
    expect(rounds).toHaveLength(2);
    expect(curve).toContainEqual(chosen);
    for (const { patchBytes } of rounds) expect(patchBytes).toBeGreaterThanOrEqual(chosen.patchBytes!);
    const [{ patchBytes }] = json["patches"] as [{ patchBytes: number }];
    expect(patchBytes).toBeLessThanOrEqual(chosen.patchBytes!);
  }, 300_000);

  it("is refused before any data is read where a version has another architecture", async () => {
    const data = ["--data", path("digits.npy"), "--calibrate", "minmax", "--no-equalize"];
    await quantize(WHOLE_MODEL, ...data, "-o", path("whole.onnx"));
    const words = ["--data", path("absent.npy"), "-o", path("x.onnx"), "--previous", path("whole.onnx")];
    const { error } = await quantize(NEXT, ...words);
    expect([error?.exitCode, error?.message]).toEqual([
      EXIT.badInput,
      expect.stringMatching(/weights \[.*\] of ".*", as in .*whole\.onnx/),
    ]);
    expect(
      (await quantize(NEXT, "--data", "d", "-o", path("x.onnx"), "--curve", "c.html")).error?.message,
    ).toMatch(/--previous MODEL with --curve/);
  }, 180_000);
});

describe("what mote quantize refuses, before it calibrates", () => {
  // The data set is absent: an error about anything else was found before it was asked for.
  const refused = async (...words: string[]) =>
    (await quantize(MODEL, "--data", path("absent.npy"), ...words)).error!;

  it("an output that can't be written in the end", async () => {
    expect((await refused("-o", path("x.txt"))).message).toMatch(/ends in \.onnx or \.tflite.*x\.txt/s);
    expect((await refused("-o", path("no/such/x.onnx"))).message).toMatch(/folder ".*no\/such"/);
  });

  it("a scheme that there is not, int4 in so many words", async () => {
    const int4 = await refused("-o", path("x.onnx"), "--scheme", "int4");
    expect([int4.exitCode, int4.code]).toEqual([EXIT.badInput, "MOTE_UNSUPPORTED"]);
    expect(int4.message).toMatch(/int8 or int16x8.*int4, which Mote does not quantize to yet/s);
    expect((await refused("-o", path("x.onnx"), "--scheme", "int3")).message).toMatch(/int8, int16x8/);
  });
});

describe("calibration data that can't be right", () => {
  it.each<[string, number[], (i: number) => number, RegExp]>([
    ["of another shape", [4, 20, 20, 1], () => 1, /784 values \[28, 28, 1\] for input "image".*400/s],
    ["all zeros", [4, 28, 28, 1], () => 0, /4 samples of zeros/],
    ["with NaN", [4, 28, 28, 1], (i) => (i === 800 ? Number.NaN : 1), /NaN at element 16 of sample 1/],
    [
      "that overflows inside",
      [4, 28, 28, 1],
      () => 3e38,
      /finite values of tensor ".*" of .*calibration sample 0/s,
    ],
  ])(
    "is refused, naming the place: %s",
    async (_what, shape, value, message) => {
      const data = save("bad.npy", shape, value);
      const { error } = await quantize(MODEL, "--data", data, "-o", path("bad.onnx"));
      expect(error?.message).toMatch(message);
      expect(error?.exitCode).toBe(EXIT.badInput);
      expect(existsSync(path("bad.onnx"))).toBe(false);
    },
    60_000,
  );
});

describe.skipIf(!existsSync(MOTE))("a process of mote quantize", () => {
  it("that is interrupted leaves the file of before, and nothing half", async () => {
    writeFileSync(path("old.onnx"), "what was there");
    const data = save("long.npy", [3000, 28, 28, 1], (i) => (i % 97) / 97);
    const words = ["quantize", MODEL, "--data", data, "--samples", "3000", "-o", path("old.onnx")];
    const child = spawn(process.execPath, [MOTE, ...words], { stdio: "ignore" });
    await new Promise((started) => setTimeout(started, 1500));
    child.kill("SIGINT");
    const code = await new Promise<number | null>((done) => child.on("exit", (exit) => done(exit)));
    expect(code).not.toBe(0);
    expect(readFileSync(path("old.onnx"), "utf8")).toBe("what was there");
    expect(readdirSync(folder).filter((name) => name.endsWith(".part"))).toEqual([]);
  }, 180_000);

  it("needs no more memory for twenty times as many samples", () => {
    const watch = `data:text/javascript,process.on("exit",()=>process.stderr.write("peak "+process.resourceUsage().maxRSS))`;
    const peakMiB = (samples: number, method: string): number => {
      const data = save("many.npy", [samples, 28, 28, 1], (i) => ((i * 7919) % 251) / 251);
      const words = ["--data", data, "--samples", String(samples), "--calibrate", method];
      const { stderr, status } = spawnSync(
        process.execPath,
        ["--import", watch, MOTE, "quantize", WHOLE_MODEL, ...words, "-o", path("m.onnx")],
        { encoding: "utf8" },
      );
      expect(status).toBe(0);
      return Number(/peak (\d+)/.exec(stderr)![1]) / 1024;
    };
    // All activations of 2,000 digits are some 110 MiB: kept, they would be seen. Garbage that waits for its collection
    // is up to 40 MiB of difference between two runs.
    expect(peakMiB(2000, "entropy") - peakMiB(100, "entropy")).toBeLessThan(70);
  }, 300_000);
});
