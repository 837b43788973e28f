import { UsageError } from "../errors.js";

export type TensorFlow = typeof import("@tensorflow/tfjs");
export type TrainingBackend = "node" | "wasm" | "cpu";

/** The one door to TensorFlow.js: which build was taken, and what that costs the user. */
export interface Training {
  readonly tf: TensorFlow;
  readonly backend: TrainingBackend;
  /** TensorFlow.js' version, for provenance. */
  readonly version: string;
  /** Same seed, same bytes, on every machine: true for wasm and cpu, not promised by native kernels. */
  readonly reproducible: boolean;
  /** One sentence for the user. */
  readonly note: string;
}

const NOTES: Record<TrainingBackend, string> = {
  node: "Training with native TensorFlow (@tensorflow/tfjs-node); the last bits of a result may differ between machines. MOTE_TF_BACKEND=wasm gives the same bytes everywhere.",
  wasm: "Training with TensorFlow.js on WebAssembly, one thread: reproducible to the byte, some five times slower than native. Installing @tensorflow/tfjs-node makes it faster.",
  cpu: "Training with TensorFlow.js in plain JavaScript, about a hundred times slower than WebAssembly; meant for cross-checks only.",
};

const doors = new Map<TrainingBackend, Promise<Training>>();

/**
 * Loads TensorFlow.js once per process and backend. Without `wanted`, MOTE_TF_BACKEND (node, wasm or cpu) decides, and
 * where that is unset too, native TensorFlow if it is installed, else WebAssembly. One backend is active at a time: the
 * one that was asked for last.
 */
export async function openTensorFlow(wanted?: TrainingBackend): Promise<Training> {
  const asked = wanted ?? readEnvironment();
  if (asked !== undefined) return openBackend(asked);
  try {
    return await openBackend("node");
  } catch {
    return openBackend("wasm");
  }
}

function readEnvironment(): TrainingBackend | undefined {
  const value = process.env["MOTE_TF_BACKEND"];
  if (value === undefined || value === "") return undefined;
  if (value === "node" || value === "wasm" || value === "cpu") return value;
  throw new UsageError({
    expected: "MOTE_TF_BACKEND to be node, wasm or cpu",
    got: `"${value}"`,
    todo: "Unset it to take the fastest that is installed.",
  });
}

async function openBackend(backend: TrainingBackend): Promise<Training> {
  let door = doors.get(backend);
  if (door === undefined) {
    door = load(backend);
    doors.set(backend, door);
    door.catch(() => doors.delete(backend));
  }
  const training = await door;
  await training.tf.setBackend(backend === "node" ? "tensorflow" : backend);
  return training;
}

async function load(backend: TrainingBackend): Promise<Training> {
  const tf = backend === "node" ? await loadNative() : await import("@tensorflow/tfjs");
  if (backend === "wasm") await loadWasm(tf);
  return {
    tf,
    backend,
    version: tf.version["tfjs"] ?? tf.version_core,
    reproducible: backend !== "node",
    note: NOTES[backend],
  };
}

async function loadNative(): Promise<TensorFlow> {
  // A variable, so that the compiler does not demand the types of a package that may be absent.
  const name: string = "@tensorflow/tfjs-node";
  return import(name);
}

/** The .wasm files lie beside the backend's own script: nothing is fetched. In Node that backend runs on one thread. */
async function loadWasm(tf: TensorFlow): Promise<void> {
  // Emscripten's start-up installs process-wide handlers that turn any unhandled rejection into an abort of its own.
  const before = {
    uncaughtException: process.listeners("uncaughtException"),
    unhandledRejection: process.listeners("unhandledRejection"),
  };
  await import("@tensorflow/tfjs-backend-wasm");
  await tf.setBackend("wasm");
  await tf.ready();
  for (const listener of process.listeners("uncaughtException"))
    if (!before.uncaughtException.includes(listener)) process.off("uncaughtException", listener);
  for (const listener of process.listeners("unhandledRejection"))
    if (!before.unhandledRejection.includes(listener)) process.off("unhandledRejection", listener);
}
