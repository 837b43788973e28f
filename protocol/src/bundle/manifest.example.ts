import { MANIFEST_SCHEMA_ID, type Manifest } from "./manifest.js";

/** A whole, valid manifest for tests and documentation; `change` replaces members of it. */
export function exampleManifest(change: Partial<Manifest> = {}): Manifest {
  return {
    schema: MANIFEST_SCHEMA_ID,
    name: "reader",
    version: "1.0.0",
    sequence: 1,
    labels: ["0", "1"],
    preprocessing: [],
    variants: [
      {
        id: "gateway",
        hardware: ["gateway", "phone"],
        runtime: "onnxruntime",
        format: "onnx",
        architectureHash: "1".repeat(64),
        artifact: { sha256: "a".repeat(64), length: 1000 },
        input: { name: "x", dtype: "float32", shape: [1, 1, 2, 2] },
        output: { name: "y", dtype: "float32", shape: [1, 2] },
        golden: {
          inputs: { sha256: "b".repeat(64), length: 16 },
          outputs: { sha256: "f".repeat(64), length: 8 },
          count: 1,
          tolerance: 0.02,
        },
        ramBytes: 4096,
        flashBytes: 1000,
      },
      {
        id: "mcu",
        hardware: ["mcu"],
        runtime: "mote-c",
        format: "params",
        architectureHash: "2".repeat(64),
        artifact: { sha256: "c".repeat(64), length: 500 },
        input: { name: "x", dtype: "int8", shape: [1, 2, 2, 1], scale: 0.0039, zeroPoint: -128 },
        output: { name: "y", dtype: "int8", shape: [1, 2], scale: 0.00390625, zeroPoint: -128 },
        golden: {
          inputs: { sha256: "d".repeat(64), length: 4 },
          outputs: { sha256: "0".repeat(64), length: 2 },
          count: 1,
          tolerance: 0,
        },
        ramBytes: 2048,
        flashBytes: 9000,
      },
    ],
    health: { probationInferences: 10, probationS: 5, maxErrorShare: 0.02, maxLatencyUs: 50_000 },
    modelCard: { summary: "Tells two digits apart.", intendedUse: "Tests.", limitations: "All." },
    lineage: { sourceModelSha256: "e".repeat(64), recipe: "none", toolVersion: "mote 0.1.0" },
    ...change,
  };
}
