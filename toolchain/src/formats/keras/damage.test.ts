import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { MoteError, utf8 } from "@mote/protocol";
import fc from "fast-check";
import { gunzipSync, strFromU8, unzipSync, type Zippable, zipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { readHdf5 } from "./hdf5.js";
import { parseModelConfig } from "./model-config.js";
import { readKeras, surveyKerasFile } from "./read.js";
import { graphOf } from "./read-model.js";
import { numberedStore } from "./stores.js";

/** Damaged files: whatever the damage, the reader gives a graph or a MoteError, and the process lives on. */
const isFull = process.env["MOTE_FULL"] !== undefined;
/** The same few draws every day, many others where there is time: a file on which the library hangs takes seconds. */
const DRAWS = isFull ? { numRuns: 400 } : { numRuns: 25, seed: 7 };
const PATIENCE_MS = isFull ? 1_200_000 : 60_000;

function fixture(name: string): Uint8Array {
  return gunzipSync(readFileSync(fileURLToPath(new URL(`./fixtures/${name}.gz`, import.meta.url))));
}

async function survives(bytes: Uint8Array): Promise<void> {
  try {
    await readKeras(bytes);
  } catch (error) {
    if (!(error instanceof MoteError)) throw error;
  }
}

describe.each(["keras2-dense.h5", "keras3-dense.keras"])("the reader of %s", {
  timeout: PATIENCE_MS,
}, (name) => {
  const file = fixture(name);

  it("survives every flipped byte", async () => {
    const flip = fc.tuple(fc.nat(file.length - 1), fc.integer({ min: 1, max: 255 }));
    await fc.assert(
      fc.asyncProperty(fc.array(flip, { minLength: 1, maxLength: 8 }), async (flips) => {
        const bytes = file.slice();
        for (const [at, mask] of flips) bytes[at]! ^= mask;
        await survives(bytes);
      }),
      DRAWS,
    );
  });

  it("survives 64-bit words of any value, where lengths and addresses stand", async () => {
    const words = fc.constantFrom(0n, 1n, 0x7fffffffn, 0xffffffffn, 0xffffffffffffffffn, 0x10000n);
    await fc.assert(
      fc.asyncProperty(fc.nat(file.length - 8), words, async (at, word) => {
        const bytes = file.slice();
        new DataView(bytes.buffer).setBigUint64(at, word, true);
        await survives(bytes);
      }),
      DRAWS,
    );
  });

  it("refuses every truncation", async () => {
    for (let part = 0; part < 24; part++) {
      await expect(readKeras(file.slice(0, Math.floor((file.length * part) / 24)))).rejects.toThrow(
        MoteError,
      );
    }
  });

  it("reads the whole file after all that", async () => {
    expect((await readKeras(file)).outputs).toEqual(["scores"]);
  });
});

type Json = { [key: string]: Json };

/** A .keras file whose configuration was changed. */
function changed(name: string, change: (config: Json) => void): Uint8Array {
  const members: Zippable = unzipSync(fixture(name));
  const config = JSON.parse(strFromU8(members["config.json"] as Uint8Array)) as Json;
  change(config["config"]!);
  return zipSync({ ...members, "config.json": utf8(JSON.stringify(config)) });
}

function layersOf(config: Json): Json[] {
  const layers: unknown = config["layers"];
  if (!Array.isArray(layers)) throw new Error("the fixture has no layers");
  return layers;
}

function layer(config: Json, className: string): Json {
  return layersOf(config).find((entry) => String(entry["class_name"]) === className)!;
}

/** Values of every kind in the place of any other: each object and list of the configuration is one that may be hit. */
function mutated(json: Json, at: number, value: unknown): boolean {
  let left = at;
  const visit = (node: Json): boolean => {
    for (const key of Object.keys(node)) {
      if (left-- === 0) {
        node[key] = value as Json;
        return true;
      }
      const inner = node[key];
      if (typeof inner === "object" && inner !== null && visit(inner)) return true;
    }
    return false;
  };
  return visit(json);
}

describe.each([
  "conv1d",
  "conv2d",
  "recurrent",
  "nested",
  "embedding",
  "bidirectional",
  "arithmetic",
  "shape",
])("the configuration of %s", (name) => {
  it("may hold anything anywhere", { timeout: PATIENCE_MS }, async () => {
    const members = unzipSync(fixture(`keras3-${name}.keras`));
    const weights = numberedStore(await readHdf5(members["model.weights.h5"]!, "of the test"));
    const text = strFromU8(members["config.json"]!);
    const kinds = [
      null,
      true,
      -1,
      0,
      1.5,
      1e9,
      "same",
      "nothing",
      [],
      {},
      [[]],
      [1e300],
      { class_name: "Dense" },
    ];
    fc.assert(
      fc.property(fc.nat(800), fc.constantFrom<unknown>(...kinds), (at, value) => {
        const json = JSON.parse(text) as Json;
        mutated(json, at, value);
        try {
          graphOf({ config: parseModelConfig(JSON.stringify(json)), weights, kerasMajor: 3 }, {});
        } catch (error) {
          if (!(error instanceof MoteError)) throw error;
        }
      }),
      { numRuns: isFull ? 10_000 : 200 },
    );
  });
});

describe("a Keras model that lies", () => {
  it("about the shape of its weights is refused, naming the layer", async () => {
    const bytes = changed("keras3-dense.keras", (config) => {
      layer(config, "Dense")["config"]!["units"] = 7 as unknown as Json;
    });
    await expect(readKeras(bytes)).rejects.toThrow(/"kernel" of shape \[6, 7\] as weights of Dense "dense/);
  });

  it("with a cycle is refused, naming the layer", async () => {
    const bytes = changed("keras3-conv1d.keras", (config) => {
      const tensor = layer(config, "Conv1D")["inbound_nodes"]![0]!["args"]![0]!;
      tensor["config"]!["keras_history"] = ["activation", 0, 0] as unknown as Json;
    });
    await expect(readKeras(bytes)).rejects.toThrow(/to be computed before .* reads it; got a cycle/);
  });

  it("with one name for two layers is refused, naming it", async () => {
    const bytes = changed("keras3-conv1d.keras", (config) => {
      const [, first, second] = layersOf(config);
      second!["name"] = first!["name"]!;
    });
    await expect(readKeras(bytes)).rejects.toThrow(/two layers named "conv1d"/);
  });

  it("with a layer of Python code is refused with its count and place", async () => {
    const bytes = changed("keras3-conv1d.keras", (config) => {
      layer(config, "Activation")["class_name"] = "Lambda" as unknown as Json;
    });
    await expect(readKeras(bytes)).rejects.toThrow(/1 x Lambda \(first: "activation"\).*Keras layers/s);
    const survey = await surveyKerasFile(bytes);
    expect(survey.unsupported).toMatchObject([{ operator: "Lambda", count: 1, places: ["activation"] }]);
  });

  it("with an open dimension is refused until its length is given", async () => {
    const bytes = changed("keras3-conv1d.keras", (config) => {
      layer(config, "InputLayer")["config"]!["batch_shape"] = [null, null, 3] as unknown as Json;
    });
    await expect(readKeras(bytes)).rejects.toThrow(/--dim window:1=N/);
    const graph = await readKeras(bytes, { dimensions: { "window:1": 12 } });
    expect(graph.tensors.get("window")!.shape).toEqual([1, 12, 3]);
  });

  it("that asks for more than any device has is refused before it is built", async () => {
    const bytes = changed("keras3-resize.keras", (config) => {
      layer(config, "UpSampling2D")["config"]!["size"] = [60000, 60000] as unknown as Json;
    });
    await expect(readKeras(bytes)).rejects.toThrow(MoteError);
  });

  it("that is a subclass is refused by its name", async () => {
    const members: Zippable = unzipSync(fixture("keras3-dense.keras"));
    const config = utf8(JSON.stringify({ class_name: "MyNet", config: {} }));
    await expect(readKeras(zipSync({ ...members, "config.json": config }))).rejects.toThrow(
      /a MyNet, whose way/,
    );
  });
});
