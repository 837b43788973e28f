import { MoteError } from "@mote/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../graph/builder.js";
import type { Graph } from "../graph/graph.js";
import { decodeModel, encodeModel } from "./onnx/proto.js";
import { readOnnx } from "./onnx/read.js";
import { writeOnnx } from "./onnx/write.js";
import { readTflite } from "./tflite/read.js";
import { writeTflite } from "./tflite/write.js";

/** Damaged files: whatever the damage, a reader gives a graph or a MoteError, soon and in little memory. */
const RUNS = process.env["MOTE_FULL"] === undefined ? 300 : 20_000;

function network(): Graph {
  const builder = new GraphBuilder("small");
  const padding = { top: 1, bottom: 1, left: 1, right: 1 };
  builder.input({ name: "x", shape: [1, 4, 4, 2], dtype: "float32" });
  builder.tensor({ name: "w", shape: [3, 3, 3, 2], dtype: "float32", data: new Float32Array(54).fill(0.1) });
  builder.tensor({ name: "v", shape: [5, 48], dtype: "float32", data: new Float32Array(240).fill(0.2) });
  const window = { strideH: 1, strideW: 1, padding, dilationH: 1, dilationW: 1, groups: 1 };
  const conv = { ...window, activation: "relu" } as const;
  builder.operator({ kind: "conv2d", name: "conv", inputs: ["x", "w"], outputs: ["a"], attributes: conv });
  builder.operator({
    kind: "reshape",
    name: "flat",
    inputs: ["a"],
    outputs: ["b"],
    attributes: { shape: [1, 48] },
  });
  builder.operator({
    kind: "fullyConnected",
    name: "dense",
    inputs: ["b", "v"],
    outputs: ["y"],
    attributes: { activation: "none", keepDims: false },
  });
  builder.outputs.push("y");
  return builder.build();
}

const READERS = [
  { format: "ONNX", read: readOnnx, file: writeOnnx(network()) },
  { format: "TensorFlow Lite", read: readTflite, file: writeTflite(network()) },
] as const;

function survives(read: (bytes: Uint8Array) => Graph, bytes: Uint8Array): void {
  try {
    read(bytes);
  } catch (error) {
    if (!(error instanceof MoteError)) throw error;
  }
}

describe.each(READERS)("the $format reader", ({ read, file }) => {
  it("reads the undamaged file", () => expect(read(file).outputs).toEqual(["y"]));

  it("survives every flipped byte", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(file.length - 1), fc.integer({ min: 1, max: 255 })), {
          minLength: 1,
          maxLength: 4,
        }),
        (flips) => {
          const bytes = file.slice();
          for (const [at, mask] of flips) bytes[at]! ^= mask;
          survives(read, bytes);
        },
      ),
      { numRuns: RUNS },
    );
  });

  it("survives 32-bit words of any value, where lengths and offsets stand", () => {
    const words = fc.constantFrom(0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x10000, 0xfffffffc);
    fc.assert(
      fc.property(fc.nat(file.length - 4), words, (at, word) => {
        const bytes = file.slice();
        new DataView(bytes.buffer).setUint32(at, word, true);
        survives(read, bytes);
      }),
      { numRuns: RUNS },
    );
  });

  it("refuses every truncation", () => {
    for (let length = 0; length < file.length; length += 7) survives(read, file.slice(0, length));
  });

  it("refuses noise", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2048 }), (bytes) => {
        expect(() => read(bytes)).toThrow(MoteError);
      }),
      { numRuns: RUNS },
    );
  });
});

/** The ONNX file after `change` was done to its message. */
function changed(change: (model: ReturnType<typeof decodeModel>) => void): Uint8Array {
  const model = decodeModel(writeOnnx(network()));
  change(model);
  return encodeModel(model);
}

describe("an ONNX file that lies", () => {
  it("about 2 GB of weights in 2 kB is refused, naming the tensor", () => {
    const bytes = changed((model) => {
      model.graph!.initializer![0]!.dims = [1 << 15, 1 << 14];
    });
    expect(bytes.length).toBeLessThan(4096);
    expect(() => readOnnx(bytes)).toThrow(/2147483648 units of data for initializer "w"/);
  });

  it("about weights in another file is refused, saying how to save it", () => {
    const bytes = changed((model) => {
      model.graph!.initializer![0]!.dataLocation = 1;
    });
    expect(() => readOnnx(bytes)).toThrow(/"w" inside the file.*save_as_external_data=False/);
  });

  it("with a cycle is refused, naming the value", () => {
    const bytes = changed((model) => {
      const nodes = model.graph!.node!;
      nodes[0]!.input![0] = "y";
    });
    expect(() => readOnnx(bytes)).toThrow(/"y".*cycle/s);
  });

  it("with one name for two values is refused, naming it", () => {
    const bytes = changed((model) => {
      const nodes = model.graph!.node!;
      nodes.at(-1)!.output![0] = nodes[0]!.output![0]!;
    });
    expect(() => readOnnx(bytes)).toThrow(/made twice/);
  });

  it("with infinite weights is refused, naming the place", () => {
    const bytes = changed((model) => {
      const { rawData } = model.graph!.initializer![0]!;
      new DataView(rawData!.buffer, rawData!.byteOffset).setFloat32(8, Number.POSITIVE_INFINITY, true);
    });
    expect(() => readOnnx(bytes)).toThrow(/"w".*Infinity at element/s);
  });

  it("with an input of length zero is refused", () => {
    const bytes = changed((model) => {
      model.graph!.input![0]!.type!.tensorType!.shape!.dim![2]!.dimValue = 0;
    });
    expect(() => readOnnx(bytes)).toThrow(/"x" of fixed shape/);
  });

  it("with an unknown operator is refused with its count and place", () => {
    const bytes = changed((model) => {
      model.graph!.node![0]!.opType = "NonMaxSuppression";
    });
    expect(() => readOnnx(bytes)).toThrow(/1 x NonMaxSuppression \(first: ".*"\).*post-processing/s);
  });
});
