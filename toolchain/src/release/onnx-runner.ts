import type { TensorSpec } from "@mote/protocol";
import { whatCame } from "@mote/protocol";
import { InferenceSession, Tensor } from "onnxruntime-web";
import { DataError, ModelFormatError, UnsupportedError } from "../errors.js";
import { type Runner, rawBytes } from "./runner.js";

/** Runs the very file that devices will run, in the runtime that they will run it with. */
export async function openOnnx(bytes: Uint8Array, sampleShape: readonly number[]): Promise<Runner> {
  const session = await open(bytes);
  const input = specOf("input", session.inputMetadata);
  const output = specOf("output", session.outputMetadata);
  const toModel = layoutChange(sampleShape, input.shape);
  return {
    input,
    output,
    ramBytes: bytes.length,
    async run(sample) {
      const values = toModel(sample);
      const results = await session.run({ [input.name]: new Tensor("float32", values, input.shape) });
      const real = results[output.name]!.data;
      if (!(real instanceof Float32Array)) throw unsupported(`output "${output.name}" of another type`);
      return { input: rawBytes(values), output: rawBytes(real), real: real.slice() };
    },
    close: () => session.release(),
  };
}

async function open(bytes: Uint8Array): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(bytes, { executionProviders: ["wasm"] });
  } catch (cause) {
    throw new ModelFormatError({
      expected: "an .onnx file that ONNX Runtime loads",
      got: whatCame(cause),
      todo: "Make it with `mote quantize`.",
      cause,
    });
  }
}

function specOf(what: string, metadata: readonly InferenceSession.ValueMetadata[]): TensorSpec {
  const [only, ...others] = metadata;
  if (only === undefined || others.length > 0) throw unsupported(`${metadata.length} ${what}s`);
  if (!only.isTensor || only.type !== "float32")
    throw unsupported(`${what} "${only.name}" that is no float32`);
  const shape = only.shape.map((dim, i) => {
    if (typeof dim === "number" && dim >= 1) return dim;
    // A free batch dimension is fixed at one: a device judges one sample at a time.
    if (i === 0) return 1;
    throw unsupported(`${what} "${only.name}" with a free dimension ${i}`);
  });
  return { name: only.name, dtype: "float32", shape };
}

/** Data sets are channels-last, ONNX images channels-first; with one channel the bytes coincide. */
export function layoutChange(
  sampleShape: readonly number[],
  inputShape: readonly number[],
): (sample: Float32Array) => Float32Array {
  const count = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
  if (count(sampleShape) !== count(inputShape)) {
    throw new DataError({
      expected: `samples of ${count(inputShape)} values for the model's input [${inputShape.join(", ")}]`,
      got: `samples of shape [${sampleShape.join(", ")}]`,
      todo: "Name data that were made for this model.",
    });
  }
  const [height = 0, width = 0, channels = 0] = sampleShape;
  const isChannelsFirst =
    sampleShape.length === 3 &&
    inputShape.length === 4 &&
    channels > 1 &&
    inputShape[1] === channels &&
    inputShape[2] === height &&
    inputShape[3] === width;
  if (!isChannelsFirst) return (sample) => sample;
  return (sample) => {
    const planes = new Float32Array(sample.length);
    for (let pixel = 0; pixel < height * width; pixel++) {
      for (let c = 0; c < channels; c++) planes[c * height * width + pixel] = sample[pixel * channels + c]!;
    }
    return planes;
  };
}

function unsupported(got: string): UnsupportedError {
  return new UnsupportedError({
    expected: "a model with one float32 input and one float32 output",
    got,
    todo: "Export the model with a single input and output; `mote quantize` keeps both float32.",
  });
}
