import { parentPort } from "node:worker_threads";
import { type TensorSpec, tensorBytes } from "@mote/protocol";
import * as ort from "onnxruntime-web";
import type { RunRequest, WorkerAnswer, WorkerRequest } from "./inference-protocol.js";

/**
 * The thread in which ONNX Runtime lives: a session blocks its thread for as long as it computes, and an agent must
 * poll, report and be killed in the meantime. One session per model, shared by all agents of the process.
 */

// More threads would need a worker each and win nothing on models of this size.
ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

const sessions = new Map<string, Promise<ort.InferenceSession>>();

async function answer(request: WorkerRequest): Promise<WorkerAnswer> {
  const { id, sha256 } = request;
  switch (request.kind) {
    case "open": {
      const opening =
        sessions.get(sha256) ??
        ort.InferenceSession.create(request.bytes, {
          executionProviders: ["wasm"],
          graphOptimizationLevel: "all",
          logSeverityLevel: 3,
        });
      sessions.set(sha256, opening);
      opening.catch(() => sessions.delete(sha256));
      await opening;
      return { id, ok: true };
    }
    case "run":
      return { id, ok: true, ...(await run(request)) };
    case "close": {
      const session = await sessions.get(sha256);
      sessions.delete(sha256);
      await session?.release();
      return { id, ok: true };
    }
  }
}

async function run(request: RunRequest): Promise<{ output: Uint8Array; latencyUs: number }> {
  const session = await sessions.get(request.sha256);
  if (session === undefined) throw new Error("the model is not open");
  const { input, output, tensor } = request;
  const feeds = { [input.name]: new ort.Tensor(input.dtype, typed(tensor, input), input.shape) };
  const started = performance.now();
  const results = await session.run(feeds);
  const latencyUs = (performance.now() - started) * 1000;
  const result = results[output.name];
  if (result === undefined) throw new Error(`the model has no output "${output.name}"`);
  const bytes = rawBytes(await result.getData());
  if (result.type !== output.dtype || bytes.length !== tensorBytes(output)) {
    throw new Error(
      `output "${output.name}" is ${result.type} of ${bytes.length} bytes, the manifest says ${output.dtype} of ${tensorBytes(output)}`,
    );
  }
  return { output: bytes, latencyUs };
}

/** Tensors are little-endian, and so is every machine that runs WebAssembly's typed arrays in practice. */
function typed(bytes: Uint8Array, spec: TensorSpec) {
  const own = bytes.slice();
  switch (spec.dtype) {
    case "float32":
      return new Float32Array(own.buffer);
    case "int8":
      return new Int8Array(own.buffer);
    case "int16":
      return new Int16Array(own.buffer);
    case "uint8":
      return own;
  }
}

function rawBytes(data: ort.Tensor.DataType): Uint8Array {
  if (!ArrayBuffer.isView(data)) throw new Error("the model's output is text");
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
}

// One after the other: sessions share the one WebAssembly heap, and a latency must not contain another's work.
let queue: Promise<unknown> = Promise.resolve();
parentPort!.on("message", (request: WorkerRequest) => {
  queue = queue
    .then(() => answer(request))
    .catch(
      (error: unknown): WorkerAnswer => ({
        id: request.id,
        ok: false,
        message: error instanceof Error ? error.message : String(error),
      }),
    )
    .then((reply) => parentPort!.postMessage(reply));
});
