import { Worker } from "node:worker_threads";
import { ModelFormatError } from "../../errors.js";
import { HDF5_LIMITS, type Hdf5Answer, type Hdf5File, type Hdf5Request } from "./hdf5-protocol.js";

// A worker is loaded by Node itself, which reads no TypeScript: tests that run from the sources use the built one.
const WORKER = new URL(
  import.meta.url.endsWith(".ts") ? "../../../dist/formats/keras/hdf5-worker.js" : "./hdf5-worker.js",
  import.meta.url,
);

/** Bytes that every HDF5 file of Keras starts with. */
const SIGNATURE = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];

let worker: Worker | null = null;
let nextId = 1;
/** One file at a time: only then is it known which one a silent thread hangs on. */
let last: Promise<unknown> = Promise.resolve();

/**
 * Reads an HDF5 file in a thread that is ended when it takes too long or breaks, and started anew for the next file.
 * Throws ModelFormatError for whatever the library makes of a damaged file.
 */
export function readHdf5(bytes: Uint8Array, what: string): Promise<Hdf5File> {
  if (SIGNATURE.some((byte, i) => bytes[i] !== byte)) {
    return Promise.reject(damaged(what, `${bytes.length} bytes that do not begin as HDF5 does`));
  }
  const read = last.then(() => ask(bytes, what));
  last = read.catch(() => {});
  return read;
}

function ask(bytes: Uint8Array, what: string): Promise<Hdf5File> {
  return new Promise((resolve, reject) => {
    const thread = running();
    const id = nextId++;
    const settle = (act: () => void, isBroken: boolean) => {
      clearTimeout(timer);
      thread.off("message", onMessage).off("error", onError).off("exit", onExit);
      thread.unref();
      if (isBroken) {
        worker = null;
        // What it says while it goes down concerns nobody any more.
        thread.on("error", () => {});
        void thread.terminate();
      }
      act();
    };
    const fail = (got: string, isBroken: boolean) => settle(() => reject(damaged(what, got)), isBroken);
    const onMessage = (answer: Hdf5Answer) => {
      if (answer.id !== id) return;
      if ("file" in answer) settle(() => resolve(answer.file), false);
      else fail(firstLine(answer.error), answer.isBroken);
    };
    const onError = (error: Error) => fail(firstLine(error.message), true);
    const onExit = () => fail("a file on which the library gave up", true);
    const patienceMs = HDF5_LIMITS.timeoutMs + HDF5_LIMITS.timeoutMsPerMib * (bytes.length / 2 ** 20);
    const timer = setTimeout(
      () => fail(`one that the library was not done with after ${Math.round(patienceMs / 1000)} s`, true),
      patienceMs,
    );
    thread.on("message", onMessage).on("error", onError).on("exit", onExit);
    thread.ref();
    const request: Hdf5Request = { id, bytes };
    thread.postMessage(request);
  });
}

function running(): Worker {
  worker ??= new Worker(WORKER, { stderr: true, stdout: true });
  return worker;
}

function firstLine(text: string): string {
  return text.split("\n")[0] ?? "";
}

function damaged(what: string, got: string): ModelFormatError {
  return new ModelFormatError({
    expected: `an HDF5 file ${what}`,
    got,
    todo: "The file is truncated, damaged or not HDF5: save or copy it again.",
  });
}
