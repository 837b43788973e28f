import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { afterAll, describe, expect, it } from "vitest";
import { runInteger } from "../../execute/integer/run.js";
import { readModel } from "../../formats/index.js";
import type { CliCommand } from "../command.js";
import { command as convert } from "./convert.js";
import { command as inspect } from "./inspect.js";

const data =
  process.env["MOTE_DATA"] ?? fileURLToPath(new URL("../../../../../shared/data", import.meta.url));
const folder = join(data, "mlperf-tiny");
const has = existsSync(folder);
const scratch = mkdtempSync(join(tmpdir(), "mote-model-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

async function run(cli: CliCommand, ...words: string[]): Promise<{ text: string; json: unknown }> {
  const said: string[] = [];
  let json: unknown;
  const program = new Command().exitOverride();
  const sub = program.command(cli.name).exitOverride();
  cli.configure(sub, {
    isJson: false,
    say: (text) => said.push(text),
    json: (document) => {
      json = document;
    },
    progress: () => ({ update() {}, stop() {} }),
  });
  await program.parseAsync([cli.name, ...words], { from: "user" });
  return { text: said.join("\n"), json };
}

describe("mote inspect (needs the shared data)", () => {
  it.skipIf(!has)("counts operators, multiply-accumulates and parameters", async () => {
    const { json, text } = await run(inspect, join(folder, "kws_int8.tflite"));
    expect(json).toMatchObject({
      format: "tflite",
      inputs: [{ name: "input_1", shape: [1, 49, 10, 1], dtype: "int8" }],
      operators: { CONV_2D: 5, DEPTHWISE_CONV_2D: 4, FULLY_CONNECTED: 1 },
      macs: 2_656_768,
      parameters: 22_604,
      unsupported: [],
    });
    expect(text).toContain("unsupported none");
  });

  it.skipIf(!has)("refuses a truncated file, saying what to do", async () => {
    const path = join(scratch, "cut.tflite");
    writeFileSync(path, readFileSync(join(folder, "kws_int8.tflite")).subarray(0, 20_000));
    await expect(run(inspect, path)).rejects.toThrow(/truncated or damaged/);
  });

  it("says which file is not there, and which endings it knows", async () => {
    await expect(run(inspect, join(scratch, "none.onnx"))).rejects.toThrow(/none\.onnx/);
    await expect(run(inspect, join(scratch, "model.pt"))).rejects.toThrow(/\.onnx.*\.tflite/);
  });
});

describe("mote convert (needs the shared data)", () => {
  it.skipIf(!has)("goes from .tflite to .onnx and back with the same integers", async () => {
    const [onnx, tflite] = [join(scratch, "kws.onnx"), join(scratch, "kws.tflite")];
    await run(convert, join(folder, "kws_int8.tflite"), "-o", onnx);
    await run(convert, onnx, "-o", tflite);
    const graph = await readModel(tflite);
    const golden = join(folder, "golden", "kws");
    const input = new Int8Array(readFileSync(join(golden, "in.bin")));
    const [output] = runInteger(graph, new Map([[graph.inputs[0]!, input]])).values();
    expect(output).toEqual(new Int8Array(readFileSync(join(golden, "out.bin"))));
  });

  it("does not write over its input, nor to an ending that it does not know", async () => {
    await expect(run(convert, "a.onnx", "-o", "a.onnx")).rejects.toThrow(/other than the input/);
    await expect(run(convert, "a.onnx", "-o", "b.onnx", "--dim", "time")).rejects.toThrow(/name=length/);
  });
});
