import type { Graph } from "@mote/toolchain/graph/graph";
import type { InPlace, PlanBuffer, PlanProblem, PlanStep } from "@mote/toolchain/plan/problem";

/** Where an interpreter aligns its tensors, and where we do. */
const ALIGNMENT_BYTES = 8;

/**
 * A model's activations as TensorFlow Lite Micro places them: one buffer each, no scratch. A step may write over an input
 * of its output's size that it reads element by element or channel by channel.
 */
export function activationProblem(graph: Graph): PlanProblem {
  const bytesOf = (name: string): number => graph.tensors.get(name)!.shape.reduce((a, b) => a * b, 1);
  const buffers = new Map<string, PlanBuffer>();
  const bufferOf = new Map<string, string>();
  const add = (name: string): void => {
    buffers.set(name, { name, bytes: bytesOf(name) });
    bufferOf.set(name, name);
  };
  for (const name of graph.inputs) add(name);
  const steps: PlanStep[] = [];
  for (const { kind, name, inputs, outputs } of graph.operators) {
    const reads = [...new Set(inputs.flatMap((input) => bufferOf.get(input) ?? []))];
    if (kind === "reshape") {
      bufferOf.set(outputs[0]!, reads[0]!);
      continue;
    }
    for (const output of outputs) add(output);
    const canOverwrite =
      kind === "depthwiseConv2d" || kind === "add" || kind === "softmax" || kind === "relu";
    steps.push({
      name,
      reads,
      writes: outputs,
      scratchBytes: 0,
      inPlace: canOverwrite
        ? reads
            .filter((input) => buffers.get(input)!.bytes === bytesOf(outputs[0]!))
            .map((input) => overlap(input, outputs[0]!))
        : [],
    });
  }
  const held = (name: string): string => bufferOf.get(name)!;
  return {
    buffers,
    steps,
    inputs: graph.inputs.map(held),
    outputs: graph.outputs.map(held),
    alignment: ALIGNMENT_BYTES,
  };
}

const overlap = (input: string, output: string): InPlace => ({
  input,
  output,
  outputLag: 0,
  extraScratchBytes: 0,
});

/** Steps with one or two inputs among the latest outputs, sizes spread over three decades; the same for the same seed. */
export function randomProblem(seed: number): PlanProblem {
  let state = (seed * 2654435761 + 1) >>> 0;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const size = (): number => Math.round(64 * 1000 ** random());
  const buffers = new Map<string, PlanBuffer>([["in", { name: "in", bytes: size() }]]);
  const made = ["in"];
  const count = 8 + Math.floor(random() * 33);
  const read = new Set<string>();
  const steps = Array.from({ length: count }, (_, index): PlanStep => {
    const name = `t${index}`;
    const recent = (): string => made[Math.max(0, made.length - 1 - Math.floor(random() ** 2 * 5))]!;
    const reads = [...new Set(random() < 0.35 ? [made.at(-1)!, recent()] : [recent()])];
    for (const each of reads) read.add(each);
    const isElementwise = random() < 0.4;
    const bytes = isElementwise ? buffers.get(reads[0]!)!.bytes : size();
    buffers.set(name, { name, bytes });
    made.push(name);
    return {
      name,
      reads,
      writes: [name],
      scratchBytes: random() < 0.3 ? Math.round(bytes * random() * 0.3) : 0,
      inPlace: isElementwise ? [overlap(reads[0]!, name)] : [],
    };
  });
  // What nobody reads is an output.
  return {
    buffers,
    steps,
    inputs: ["in"],
    outputs: made.filter((name) => name !== "in" && !read.has(name)),
    alignment: ALIGNMENT_BYTES,
  };
}
