import { type DeviceConditions, type TrustState, toHex, UNKNOWN_CONDITIONS } from "@mote/protocol";
import { nodeSha256, nodeVerify, type TestRepository } from "@mote/protocol/node";
import type { EffectDeps } from "../core/effects.js";
import type { BlobStore, Clock, Document, Fetcher, LogEntry } from "../core/ports.js";
import { AGENT_DEFAULTS } from "../core/settings.js";
import { type AgentState, FRESH } from "../core/state.js";
import { EMPTY_OUTBOX } from "../core/telemetry-outbox.js";
import { Updater } from "../core/updater.js";
import { AgentStateError } from "../errors.js";
import { tinyOutput, tinyWeights } from "./tiny-model.js";
import { HARDWARE, PRODUCT } from "./tiny-release.js";

/** The power went off. Nothing that comes after it happens. */
export class PowerCut extends Error {}

/** When the power goes off: before or after the n-th change to storage takes effect. */
export interface Cut {
  readonly at: number;
  readonly when: "before" | "after";
}

/**
 * A device whose whole storage is in memory, so that a test can cut its power at every single change in turn. Time
 * passes only when somebody sleeps.
 */
export class MemoryDevice {
  readonly documents = new Map<string, unknown>();
  readonly files = new Map<string, Uint8Array>();
  readonly partials = new Map<string, Uint8Array>();
  readonly log: LogEntry[] = [];
  /** Changes to storage so far in this life. */
  changes = 0;
  /** What it senses of itself, asked each time anew. */
  conditions: () => DeviceConditions = () => UNKNOWN_CONDITIONS;
  /** Bytes of each request for a blob start here. */
  readonly fetchedFrom: number[] = [];
  /** In place of its own: whoever answers instead of the server. */
  fetcher: Fetcher | null = null;
  /** Awaited before each file of metadata; rejects when the server can't be reached. */
  beforeMetadata: () => Promise<void> = async () => {};
  /** Awaited before each chunk of a blob; rejects when the transfer is cut off, as a socket does. */
  beforeChunk: (signal?: AbortSignal) => Promise<void> = async () => {};
  /** What its clock shows; null: the repository's time. */
  wallMs: number | null = null;
  #nowMs = 0;

  constructor(
    /** Whose metadata it fetches, and whose time its clock shows. */
    readonly repository: TestRepository,
    private readonly served: ReadonlyMap<string, Uint8Array>,
    /** Strength of the tiny model by its digest: what inference would compute. */
    private readonly strengths: ReadonlyMap<string, number>,
  ) {}

  /** Starts the updater on what storage holds. It ends with the power, or when `until` is true. */
  async live(
    offerTo: (updater: Updater) => void,
    until: (state: AgentState) => boolean,
    cut: Cut | null,
  ): Promise<AgentState> {
    this.changes = 0;
    const stop = new AbortController();
    const change = (apply: () => void): void => {
      if (stop.signal.aborted) throw new PowerCut();
      this.changes++;
      const isCut = cut !== null && this.changes === cut.at;
      if (!isCut || cut.when === "after") apply();
      if (!isCut) return;
      stop.abort();
      throw new PowerCut();
    };
    const state = this.#document<AgentState>("state", change);
    const clock = this.#clock(() => updater.probation?.ok(100));
    const deps = this.#deps(state, change, clock);
    const updater: Updater = new Updater((await state.load()) ?? FRESH, deps, "cafe0123");
    offerTo(updater);
    const running = updater.run(stop.signal);
    while (!stop.signal.aborted && !until(updater.state))
      await new Promise((resolve) => setImmediate(resolve));
    stop.abort();
    await running;
    return (await state.load()) ?? updater.state;
  }

  #deps(state: Document<AgentState>, change: (apply: () => void) => void, clock: Clock): EffectDeps {
    return {
      stores: {
        state,
        trust: this.#document<TrustState>("trust", change),
        telemetry: { load: async () => EMPTY_OUTBOX, save: async () => {} },
        blobs: this.#blobs(change),
      },
      fetcher: this.fetcher ?? {
        metadata: async (file) => {
          await this.beforeMetadata();
          return this.repository.files.get(file) ?? null;
        },
        blob: async (sha256, from, signal) => {
          this.fetchedFrom.push(from);
          const chunks = inThirds(this.served.get(sha256)!.subarray(from), () => this.beforeChunk(signal));
          return { from, chunks };
        },
      },
      clock,
      random: () => 0.5,
      crypto: { sha256: nodeSha256, verify: nodeVerify },
      engine: {
        open: async (model) => {
          const weights = tinyWeights(this.strengths.get(model.sha256) ?? 0);
          await model.read();
          return {
            run: async (input) => {
              const x = new Float32Array(input.slice().buffer);
              return { output: new Uint8Array(tinyOutput(weights, x).buffer), latencyUs: 100 };
            },
            close: async () => {},
          };
        },
      },
      conditions: async () => this.conditions(),
      hardware: HARDWARE,
      product: PRODUCT,
      settings: AGENT_DEFAULTS,
      log: (entry) => this.log.push(entry),
    };
  }

  #document<T>(name: string, change: (apply: () => void) => void): Document<T> {
    return {
      load: async () => (this.documents.get(name) as T | undefined) ?? null,
      save: async (value) => change(() => this.documents.set(name, value)),
    };
  }

  #blobs(change: (apply: () => void) => void): BlobStore {
    const { files, partials } = this;
    return {
      has: async (sha256) => files.has(sha256),
      read: async (sha256) => {
        const bytes = files.get(sha256);
        if (bytes === undefined || toHex(nodeSha256(bytes)) !== sha256) {
          throw new AgentStateError({ expected: sha256, got: "nothing", todo: "None." });
        }
        return bytes;
      },
      put: async (sha256, bytes) => change(() => files.set(sha256, bytes)),
      partialLength: async (sha256) => partials.get(sha256)?.length ?? 0,
      appendPartial: async (sha256, chunk) =>
        change(() => partials.set(sha256, Buffer.concat([partials.get(sha256) ?? new Uint8Array(), chunk]))),
      readPartial: async (sha256) => partials.get(sha256) ?? new Uint8Array(),
      discardPartial: async (sha256) => change(() => partials.delete(sha256)),
      keepOnly: async (wanted) =>
        change(() => {
          for (const held of [files, partials]) {
            for (const sha256 of held.keys()) if (!wanted.has(sha256)) held.delete(sha256);
          }
        }),
      freeBytes: async () => null,
    };
  }

  #clock(onSleep: () => void): Clock {
    return {
      wallMs: () => this.wallMs ?? this.repository.nowMs,
      monotonicMs: () => this.#nowMs,
      sleep: async (ms, signal) => {
        if (signal?.aborted === true) return;
        this.#nowMs += Math.min(ms, 1000);
        onSleep();
        await new Promise((resolve) => setImmediate(resolve));
      },
    };
  }
}

async function* inThirds(bytes: Uint8Array, before: () => Promise<void>): AsyncIterable<Uint8Array> {
  const size = Math.ceil(bytes.length / 3);
  for (let at = 0; at < bytes.length; at += size) {
    await before();
    yield bytes.subarray(at, at + size);
  }
}
