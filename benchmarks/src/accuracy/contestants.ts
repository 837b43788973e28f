import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Dataset, writeNpz } from "@mote/toolchain/data/index";
import { openRunnable } from "@mote/toolchain/execute/runnable";
import { writeOnnx } from "@mote/toolchain/formats/onnx/write";
import type { Graph } from "@mote/toolchain/graph/graph";

/** The first outputs of a model for every sample of a set. */
export type Outputs = Float32Array[];

const PEER = resolve(import.meta.dirname, "../../src/accuracy/peer.py");

/** Float models run in ONNX Runtime, integer ones in the exact executor. */
export async function outputsOf(graph: Graph, dataset: Dataset): Promise<Outputs> {
  const model = openRunnable(graph);
  const outputs: Outputs = [];
  for (let i = 0; i < dataset.count; i++) {
    const result = await model.run(dataset.sample(i));
    outputs.push(Float32Array.from(result.get(graph.outputs[0]!)!));
  }
  return outputs;
}

/** onnxruntime in Python: quantize_static on the same samples, or a model of ours run as it is. */
export class Peer {
  readonly #python = process.env["MOTE_PYTHON"] ?? "python3";
  /** Null until it ran once, or where it can't run. */
  version: string | null = null;

  constructor(readonly folder: string) {}

  /** Outputs of the float model quantized by quantize_static; null where the peer can't run. */
  quantized(graph: Graph, calibration: Dataset, test: Dataset): Outputs | null {
    const model = this.#model(graph);
    return this.#ask("quantize", [model, this.#samples("calibration", calibration)], test);
  }

  /** Outputs of an integer graph, written as QDQ and carried out by ONNX Runtime's own integer kernels. */
  run(graph: Graph, test: Dataset): Outputs | null {
    return this.#ask("run", [this.#model(graph)], test);
  }

  /** In the graph's own order of axes, as the samples are. */
  #model(graph: Graph): string {
    const names = [...graph.inputs, ...graph.outputs];
    const own = names.map((name) => [name, graph.tensors.get(name)!.shape.map((_, axis) => axis)] as const);
    const path = join(this.folder, "model.onnx");
    writeFileSync(path, writeOnnx({ ...graph, fileOrder: new Map(own) }));
    return path;
  }

  #samples(name: string, dataset: Dataset): string {
    const size = dataset.sample(0).length;
    const x = new Float32Array(dataset.count * size);
    for (let i = 0; i < dataset.count; i++) x.set(dataset.sample(i), i * size);
    const path = join(this.folder, `${name}.npz`);
    writeNpz(path, { x: { shape: [dataset.count, ...dataset.sampleShape], data: x } });
    return path;
  }

  #ask(verb: string, files: readonly string[], test: Dataset): Outputs | null {
    const results = join(this.folder, "outputs.bin");
    const asked = [PEER, verb, ...files, this.#samples("test", test), results];
    const { status, stdout, stderr } = spawnSync(this.#python, asked, {
      encoding: "utf8",
      maxBuffer: 2 ** 24,
    });
    if (status !== 0) {
      process.stderr.write(`onnxruntime (${verb}) did not run: ${stderr.trim().split("\n").at(-1)}\n`);
      return null;
    }
    this.version = (JSON.parse(stdout.trim().split("\n").at(-1)!) as { version: string }).version;
    const all = new Float32Array(new Uint8Array(readFileSync(results)).buffer);
    const size = all.length / test.count;
    return Array.from({ length: test.count }, (_, i) => all.slice(i * size, (i + 1) * size));
  }
}
