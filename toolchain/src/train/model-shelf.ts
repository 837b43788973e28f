import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readOnnx } from "../formats/onnx/read.js";
import { writeOnnx } from "../formats/onnx/write.js";
import { countMacs, countParameters } from "../graph/cost.js";
import type { Graph } from "../graph/graph.js";
import { Differentiable } from "./differentiable.js";
import type { LabelledSamples } from "./digits.js";
import type { Training } from "./tensorflow.js";
import { accuracy, predict } from "./trainer.js";

/** What provenance.json says of one model file. */
export interface ModelFacts {
  readonly file: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly parameters: number;
  readonly macs: number;
  /** Of the float model, by the name of the set. */
  readonly accuracy: Readonly<Record<string, number>>;
  /** Mean of the greatest probability, by the name of the set: what devices can report without labels. */
  readonly meanConfidence: Readonly<Record<string, number>>;
}

/** A folder of committed models: each is written, read back, measured and written down. */
export class ModelShelf {
  private readonly facts: Record<string, ModelFacts> = {};

  constructor(
    private readonly directory: string,
    private readonly training: Training,
    private readonly sets: Readonly<Record<string, LabelledSamples>>,
  ) {
    mkdirSync(directory, { recursive: true });
  }

  /** Returns the graph as everybody else will read it, and its facts. */
  put(name: string, file: string, graph: Graph): { graph: Graph; facts: ModelFacts } {
    const bytes = writeOnnx(graph);
    const read = readOnnx(bytes);
    const model = new Differentiable(this.training, read);
    const accuracies: Record<string, number> = {};
    const confidences: Record<string, number> = {};
    for (const [set, samples] of Object.entries(this.sets)) {
      const logits = predict(model, samples);
      accuracies[set] = accuracy(logits, samples.labels);
      confidences[set] = confidence(logits, samples.count);
    }
    model.dispose();
    const facts: ModelFacts = {
      file,
      sha256: createHash("sha256").update(bytes).digest("hex"),
      bytes: bytes.length,
      parameters: countParameters(read),
      macs: countMacs(read),
      accuracy: accuracies,
      meanConfidence: confidences,
    };
    writeFileSync(join(this.directory, file), bytes);
    this.facts[name] = facts;
    return { graph: read, facts };
  }

  /** provenance.json: how the models came about, in the words of the caller, and what they are. */
  writeProvenance(story: Readonly<Record<string, unknown>>): void {
    const document = {
      ...story,
      backend: this.training.backend,
      versions: { tfjs: this.training.version },
      models: this.facts,
    };
    writeFileSync(join(this.directory, "provenance.json"), `${JSON.stringify(document, null, 2)}\n`);
  }
}

/** Mean softmax probability of the winning class, to four digits. */
function confidence(logits: Float32Array, count: number): number {
  const classes = logits.length / count;
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const row = logits.subarray(i * classes, (i + 1) * classes);
    const greatest = Math.max(...row);
    sum += 1 / row.reduce((total, value) => total + Math.exp(value - greatest), 0);
  }
  return Math.round((sum / count) * 10_000) / 10_000;
}
