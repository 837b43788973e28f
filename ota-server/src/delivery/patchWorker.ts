import { Worker } from "node:worker_threads";
import type { Codec, ParamsLayout } from "@mote/protocol";
import { bsdiffAbsence } from "@mote/protocol/node";

export interface PatchJob {
  readonly id: number;
  readonly codec: Codec;
  readonly base: Uint8Array;
  readonly target: Uint8Array;
  readonly layouts: readonly ParamsLayout[];
}

export type PatchAnswer =
  | { readonly id: number; readonly patch: Uint8Array | null }
  | { readonly id: number; readonly error: string };

interface Waiting {
  resolve(patch: Uint8Array | null): void;
  reject(error: Error): void;
}

export const PATCH_WORKER_LIMITS = {
  /** A thread that is silent for so long over its jobs is ended, and a new one started. */
  timeoutMs: 180_000,
  heapMb: 1024,
} as const;

/** From src/delivery and from dist/delivery alike. */
const THREAD = new URL("../../dist/delivery/patchThread.js", import.meta.url);

/** Makes patches in a thread of its own, so that polls are answered while a large one is made. Starts when needed. */
export class PatchWorker {
  private worker: Worker | null = null;
  private readonly waiting = new Map<number, Waiting>();
  private nextId = 0;
  private timer: NodeJS.Timeout | null = null;

  /** What is missing on this machine, for the operator. */
  readonly notes: readonly string[] = [bsdiffAbsence()].filter((note) => note !== null);

  /** Null when the codec has no answer; rejects when the thread fails. */
  make(
    codec: Codec,
    base: Uint8Array,
    target: Uint8Array,
    layouts: readonly ParamsLayout[],
  ): Promise<Uint8Array | null> {
    return new Promise((resolve, reject) => {
      const id = this.nextId++;
      this.waiting.set(id, { resolve, reject });
      const job: PatchJob = { id, codec, base, target, layouts };
      this.thread().postMessage(job);
      this.watch();
    });
  }

  async close(): Promise<void> {
    this.failAll(new Error("the server is closing"));
    await this.worker?.terminate();
    this.worker = null;
  }

  private thread(): Worker {
    if (this.worker !== null) return this.worker;
    const worker = new Worker(THREAD, {
      resourceLimits: { maxOldGenerationSizeMb: PATCH_WORKER_LIMITS.heapMb },
    });
    worker.on("message", (answer: PatchAnswer) => this.settle(answer));
    worker.on("error", (error) => this.failAll(error));
    worker.on("exit", () => {
      if (this.worker === worker) this.worker = null;
      this.failAll(new Error("the patch thread ended"));
    });
    // A server that has nothing else to do may stop.
    worker.unref();
    this.worker = worker;
    return worker;
  }

  private settle(answer: PatchAnswer): void {
    const one = this.waiting.get(answer.id);
    this.waiting.delete(answer.id);
    if ("error" in answer) one?.reject(new Error(answer.error));
    else one?.resolve(answer.patch);
    this.watch();
  }

  private watch(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    if (this.waiting.size === 0) return;
    this.timer = setTimeout(() => {
      void this.worker?.terminate();
    }, PATCH_WORKER_LIMITS.timeoutMs);
    this.timer.unref();
  }

  private failAll(error: Error): void {
    if (this.timer !== null) clearTimeout(this.timer);
    for (const one of this.waiting.values()) one.reject(error);
    this.waiting.clear();
  }
}
