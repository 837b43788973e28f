import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { runInteger } from "../../execute/integer/run.js";
import { readTflite } from "./read.js";

const data =
  process.env["MOTE_DATA"] ?? fileURLToPath(new URL("../../../../../shared/data", import.meta.url));
const folder = join(data, "mlperf-tiny");
const has = existsSync(folder);
const MODELS = ["ad", "ic", "kws", "vww"] as const;

const model = (name: string) => new Uint8Array(readFileSync(join(folder, `${name}.tflite`)));

describe("models of MLPerf Tiny (needs the shared data)", () => {
  for (const name of MODELS) {
    it.skipIf(!has)(`${name}: float32 and int8 agree in their shapes`, () => {
      const float = readTflite(model(`${name}_float32`));
      const integer = readTflite(model(`${name}_int8`));
      const inputShape = (graph: typeof float) => graph.tensors.get(graph.inputs[0]!)!.shape;
      expect(inputShape(float)).toEqual(inputShape(integer));
      expect(float.tensors.get(float.inputs[0]!)!.dtype).toBe("float32");
      expect(integer.tensors.get(integer.inputs[0]!)!.quantization).toBeDefined();
    });

    it.skipIf(!has)(`${name}: what is read computes the golden output`, () => {
      const graph = readTflite(model(`${name}_int8`));
      const golden = join(folder, "golden", name);
      const input = new Int8Array(readFileSync(join(golden, "in.bin")));
      const [output] = runInteger(graph, new Map([[graph.inputs[0]!, input]])).values();
      expect(output).toEqual(new Int8Array(readFileSync(join(golden, "out.bin"))));
    });
  }

  it.skipIf(!has)("every file that is cut short is refused with a MoteError", () => {
    const bytes = model("ad_int8");
    for (let length = 0; length < bytes.length; length += 4999) {
      expect(() => readTflite(bytes.slice(0, length)), `${length} bytes`).toThrow(/^Expected/);
    }
  });
});

describe("files that are no model", () => {
  it("are refused, saying so", () => {
    expect(() => readTflite(new Uint8Array(0))).toThrow(/TFL3/);
    expect(() => readTflite(new TextEncoder().encode("no model at all, just text"))).toThrow(/TFL3/);
  });

  it("that claim 2 GB in 2 kB are refused without taking the memory", () => {
    const bytes = new Uint8Array(2048);
    const view = new DataView(bytes.buffer);
    bytes.set(new TextEncoder().encode("TFL3"), 4);
    view.setUint32(0, 32, true);
    view.setInt32(32, 16, true); // vtable at 16
    view.setUint16(16, 14, true);
    view.setUint16(16 + 4, 4, true); // version
    view.setUint32(36, 3, true);
    view.setUint16(16 + 8, 8, true); // subgraphs
    view.setUint32(40, 8, true);
    view.setUint32(48, 0x7fffffff, true);
    expect(() => readTflite(bytes)).toThrow(/inside the file of 2048 bytes/);
  });
});
