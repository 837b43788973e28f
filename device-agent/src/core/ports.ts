import type { DeviceConditions, Sha256, TensorSpec, TrustState, VerifyEd25519 } from "@mote/protocol";
import type { AgentState } from "./state.js";
import type { TelemetryOutbox } from "./telemetry-outbox.js";

/** What the core needs from a platform, each as small as the core uses it. Node, browsers and tests hand in their own. */

export interface Clock {
  /** Milliseconds since 1970; null on a device whose clock was never set. */
  wallMs(): number | null;
  /** Milliseconds from an arbitrary start; never jumps. */
  monotonicMs(): number;
  /** Resolves after `ms`, or at once when `signal` is aborted. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Uniform in [0, 1). */
export type Random = () => number;

/** One small document. `save` resolves when a power cut can't take it back. */
export interface Document<T> {
  load(): Promise<T | null>;
  save(value: T): Promise<void>;
}

export interface AgentStores {
  readonly state: Document<AgentState>;
  readonly trust: Document<TrustState>;
  readonly telemetry: Document<TelemetryOutbox>;
  readonly blobs: BlobStore;
}

/** Content-addressed files: models, manifests, golden vectors, patches. */
export interface BlobStore {
  has(sha256: string): Promise<boolean>;
  /** Throws AgentStateError when it is absent, or no longer has its digest (storage wears out). */
  read(sha256: string): Promise<Uint8Array>;
  /** Durable and whole, or not there at all. Throws DiskFullError. */
  put(sha256: string, bytes: Uint8Array): Promise<void>;
  /** An unfinished download. Its bytes are unproved: they count only once the whole has its digest. */
  partialLength(sha256: string): Promise<number>;
  appendPartial(sha256: string, chunk: Uint8Array): Promise<void>;
  readPartial(sha256: string): Promise<Uint8Array>;
  discardPartial(sha256: string): Promise<void>;
  /** Removes every blob and partial that is not named. */
  keepOnly(sha256s: ReadonlySet<string>): Promise<void>;
  /** Null where the platform can't tell. */
  freeBytes(): Promise<number | null>;
}

export interface Crypto {
  readonly sha256: Sha256;
  readonly verify: VerifyEd25519;
}

/** Where bytes come from. Both throw NetworkError or ServerRefusedError; `metadata` also TooLargeError. */
export interface Fetcher {
  metadata(file: string, maxBytes: number, signal?: AbortSignal): Promise<Uint8Array | null>;
  blob(
    sha256: string,
    from: number,
    signal?: AbortSignal,
  ): Promise<{ readonly from: number; readonly chunks: AsyncIterable<Uint8Array> }>;
}

export interface ModelSource {
  readonly sha256: string;
  readonly input: TensorSpec;
  readonly output: TensorSpec;
  read(): Promise<Uint8Array>;
}

export interface InferenceEngine {
  /** Throws InferenceError when the bytes are no model that this platform runs. */
  open(model: ModelSource): Promise<LoadedModel>;
}

export interface LoadedModel {
  /** One inference on raw little-endian tensors of the model's specs. Throws InferenceError. */
  run(input: Uint8Array): Promise<{ readonly output: Uint8Array; readonly latencyUs: number }>;
  close(): Promise<void>;
}

/** One sample for the model, in the sensor's own floats, with its truth where the sensor happens to know it. */
export interface Sample {
  readonly values: Float32Array;
  readonly label: number | null;
}

export interface Sensor {
  next(): Promise<Sample>;
}

/** The link to the broker. */
export interface MessageLink {
  readonly isConnected: boolean;
  /** Resolves when the server has acknowledged (QoS 1); rejects with NetworkError when it has not. */
  publish(kind: "telemetry" | "report", payload: Uint8Array): Promise<void>;
}

export type Conditions = () => Promise<DeviceConditions>;

/** One line of the agent's diary; `event` is a word that scripts may rely on. */
export interface LogEntry {
  readonly event: string;
  readonly [field: string]: unknown;
}
export type Log = (entry: LogEntry) => void;
