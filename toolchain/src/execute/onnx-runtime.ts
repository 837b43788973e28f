import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { MissingToolError, UsageError } from "../errors.js";

type Library = typeof import("onnxruntime-web");

/** The one door to ONNX Runtime: which build was taken, and what that costs the user. */
export interface OnnxRuntime {
  readonly build: "node" | "web";
  readonly version: string;
  readonly InferenceSession: Library["InferenceSession"];
  readonly Tensor: Library["Tensor"];
  readonly options: import("onnxruntime-web").InferenceSession.SessionOptions;
  /** One clause for the user. */
  readonly note: string;
}

const NOTES = {
  node: "by onnxruntime-node; the last bits of its sums may differ between machines",
  web: "by onnxruntime-web on WebAssembly; onnxruntime-node, where it is installed, is some ten times faster",
} as const;

let door: Promise<OnnxRuntime> | undefined;

/**
 * Loads ONNX Runtime once per process: onnxruntime-node where the user installed it (beside Mote, or in the folder that
 * MOTE_ORT_NODE names), else onnxruntime-web, which comes with Mote. MOTE_ORT=node or web decides instead. The native
 * build is no dependency: its package is 290 MB of binaries for all systems, and its installer downloads CUDA.
 */
export function openOnnxRuntime(): Promise<OnnxRuntime> {
  door ??= load();
  return door;
}

async function load(): Promise<OnnxRuntime> {
  const asked = process.env["MOTE_ORT"] ?? "";
  if (asked !== "" && asked !== "node" && asked !== "web") {
    throw new UsageError({
      expected: "MOTE_ORT to be node or web",
      got: `"${asked}"`,
      todo: "Unset it to take the faster one that is installed.",
    });
  }
  if (asked !== "web") {
    const native = loadNative(asked === "node");
    if (native !== null) return describe("node", native);
  }
  const web = await import("onnxruntime-web");
  // One thread: the runtime's own workers would outlive a command and change the order of sums.
  web.env.wasm.numThreads = 1;
  return describe("web", web);
}

function loadNative(isRequired: boolean): Library | null {
  const folder = process.env["MOTE_ORT_NODE"] ?? "";
  const from = folder === "" ? import.meta.url : join(resolve(folder), "package.json");
  try {
    return createRequire(from)("onnxruntime-node") as Library;
  } catch (cause) {
    if (!isRequired && folder === "") return null;
    throw new MissingToolError({
      expected: folder === "" ? "onnxruntime-node beside Mote" : `onnxruntime-node in "${folder}"`,
      got: cause instanceof Error ? cause.message.split("\n")[0]! : String(cause),
      todo: "Install it there (npm install --ignore-scripts onnxruntime-node), or unset MOTE_ORT and MOTE_ORT_NODE.",
      cause,
    });
  }
}

function describe(build: "node" | "web", { InferenceSession, Tensor, env }: Library): OnnxRuntime {
  const version = env.versions[build] ?? env.versions.common;
  return {
    build,
    version,
    InferenceSession,
    Tensor,
    note: NOTES[build],
    options: {
      executionProviders: [build === "node" ? "cpu" : "wasm"],
      graphOptimizationLevel: "all",
      // Warnings about folded constants are noise for the person who typed the command.
      logSeverityLevel: 3,
      // The order of sums must not depend on how many cores there are.
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
    },
  };
}
