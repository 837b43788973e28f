import { Worker } from "node:worker_threads";
import type { InferenceEngine, LoadedModel, ModelSource } from "../core/ports.js";
import { InferenceError } from "../errors.js";
import type { WorkerAnswer, WorkerRequest } from "./inference-protocol.js";

type Reply = Extract<WorkerAnswer, { ok: true }>;
/** Omit over each member of the union. */
type Unnumbered<T> = T extends WorkerRequest ? Omit<T, "id"> : never;

export interface WorkerEngine extends InferenceEngine {
  stop(): Promise<void>;
}

// A worker is loaded by Node itself, which reads no TypeScript: tests that run from the sources use the built one.
const WORKER = new URL(
  import.meta.url.endsWith(".ts") ? "../../dist/node/inference-worker.js" : "./inference-worker.js",
  import.meta.url,
);

/**
 * ONNX Runtime in a worker thread. Any number of agents may share one engine; a model is loaded once however many hold
 * it. A worker that dies (out of memory, an abort inside WebAssembly) fails what was under way and is started anew.
 */
export function startInferenceEngine(): WorkerEngine {
  let worker: Worker | null = null;
  let nextId = 1;
  const waiting = new Map<number, { resolve(reply: Reply): void; reject(error: Error): void }>();
  const holders = new Map<string, number>();
  const loads = new Map<string, Promise<void>>();

  function running(): Worker {
    if (worker !== null) return worker;
    const started = new Worker(WORKER);
    started.on("message", (answer: WorkerAnswer) => {
      const asked = waiting.get(answer.id);
      waiting.delete(answer.id);
      if (answer.ok) asked?.resolve(answer);
      else asked?.reject(failed("the model to run", answer.message));
    });
    const died = (reason: string) => {
      if (worker !== started) return;
      worker = null;
      loads.clear();
      for (const asked of waiting.values()) asked.reject(failed("the inference worker to go on", reason));
      waiting.clear();
    };
    started.on("error", (error) => died(error.message));
    started.on("exit", (code) => died(`exit code ${code}`));
    started.unref();
    worker = started;
    return started;
  }

  function ask(request: Unnumbered<WorkerRequest>): Promise<Reply> {
    const id = nextId++;
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      running().postMessage({ ...request, id });
    });
  }

  async function load(model: ModelSource): Promise<void> {
    const { sha256 } = model;
    let loading = loads.get(sha256);
    if (loading === undefined) {
      loading = model.read().then(async (bytes) => {
        await ask({ kind: "open", sha256, bytes });
      });
      loads.set(sha256, loading);
      loading.catch(() => loads.delete(sha256));
    }
    await loading;
  }

  return {
    async open(model) {
      await load(model);
      holders.set(model.sha256, (holders.get(model.sha256) ?? 0) + 1);
      return loaded(model);
    },
    async stop() {
      const last = worker;
      worker = null;
      await last?.terminate();
    },
  };

  function loaded(model: ModelSource): LoadedModel {
    const { sha256, input, output } = model;
    let isOpen = true;
    return {
      async run(tensor) {
        // After a worker's death the model has to be loaded again; otherwise this is a look-up.
        await load(model);
        const reply = await ask({ kind: "run", sha256, input, output, tensor });
        return { output: reply.output!, latencyUs: reply.latencyUs! };
      },
      async close() {
        if (!isOpen) return;
        isOpen = false;
        const left = (holders.get(sha256) ?? 1) - 1;
        if (left > 0) {
          holders.set(sha256, left);
          return;
        }
        holders.delete(sha256);
        loads.delete(sha256);
        if (worker !== null) await ask({ kind: "close", sha256 });
      },
    };
  }
}

function failed(expected: string, got: string): InferenceError {
  return new InferenceError({
    expected,
    got,
    todo: "If this release worked in rehearsal, look at the device's memory; the device goes on with what it has.",
  });
}
