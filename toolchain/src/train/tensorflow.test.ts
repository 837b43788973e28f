import { afterEach, describe, expect, it, vi } from "vitest";
import { openTensorFlow } from "./tensorflow.js";

afterEach(() => {
  vi.unstubAllEnvs();
});

describe("the door to TensorFlow.js", () => {
  it("takes WebAssembly when asked, says so, and promises the same bytes", async () => {
    vi.stubEnv("MOTE_TF_BACKEND", "wasm");
    const training = await openTensorFlow();
    expect(training).toMatchObject({ backend: "wasm", reproducible: true, version: "4.22.0" });
    expect(training.tf.getBackend()).toBe("wasm");
    expect(training.note).toContain("WebAssembly");
  });

  it("always finds one that works, native or not", async () => {
    vi.stubEnv("MOTE_TF_BACKEND", "");
    const { tf, backend, note } = await openTensorFlow();
    expect(["node", "wasm"]).toContain(backend);
    expect(note).toContain("@tensorflow/tfjs-node");
    expect([...tf.matMul([[1, 2]], [[3], [4]]).dataSync()]).toEqual([11]);
  });

  it("leaves the process' own handling of faults alone", async () => {
    const before = process.listenerCount("uncaughtException") + process.listenerCount("unhandledRejection");
    await openTensorFlow("wasm");
    const after = process.listenerCount("uncaughtException") + process.listenerCount("unhandledRejection");
    expect(after).toBe(before);
  });

  it("refuses a backend that does not exist", async () => {
    vi.stubEnv("MOTE_TF_BACKEND", "cuda");
    await expect(openTensorFlow()).rejects.toThrow("MOTE_TF_BACKEND to be node, wasm or cpu");
  });
});
