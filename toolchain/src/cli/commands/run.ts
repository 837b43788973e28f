import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeFolder } from "@mote/protocol/node";
import type { Command } from "commander";
import { readTensor, writeTensor } from "../../data/raw-tensor.js";
import { UsageError } from "../../errors.js";
import { runFloat } from "../../execute/float.js";
import { isQuantized, quantizeInput } from "../../execute/integer/edge.js";
import { runInteger } from "../../execute/integer/run.js";
import { isMixed, openMixed } from "../../execute/mixed.js";
import { readModel } from "../../formats/index.js";
import type { Graph, TensorData } from "../../graph/graph.js";
import type { CliCommand, Io } from "../command.js";
import { oneOf } from "../options.js";

interface Options {
  readonly input: readonly string[];
  readonly output?: string;
  readonly tensors?: string;
  readonly rounding: string;
}

export const command: CliCommand = {
  name: "run",
  summary: "a model on one input; integer models bit-exact with TensorFlow Lite's reference kernels",
  configure(command: Command, io: Io) {
    command
      .argument("<model>", "float or int8 model")
      .requiredOption(
        "--input <file...>",
        "one file per input: .bin (little-endian) or .npy; floats are quantized",
      )
      .option("--output <file>", "the first output, as .bin or .npy")
      .option("--tensors <dir>", "every intermediate tensor as tNNN.bin, listed in tensors.txt")
      .option("--rounding <mode>", "double (TensorFlow Lite, CMSIS-NN) or single", "double")
      .addHelpText(
        "after",
        "\nExample:\n  mote run digits-int8.onnx --input digit.npy --output scores.npy --tensors dump/",
      )
      .action((model: string, options: Options) => run(model, options, io));
  },
};

async function run(path: string, options: Options, io: Io): Promise<void> {
  const rounding = oneOf("--rounding", options.rounding, ["double", "single"]);
  const graph = await readModel(path);
  if (options.input.length !== graph.inputs.length) {
    throw new UsageError({
      expected: `${graph.inputs.length} input files for ${graph.inputs.map((name) => `"${name}"`).join(", ")}`,
      got: `${options.input.length}`,
      todo: "Repeat --input in the order of the model's inputs.",
    });
  }
  const keep = options.tensors !== undefined;
  const inputs = new Map<string, TensorData>();
  for (const [i, name] of graph.inputs.entries()) {
    const tensor = graph.tensors.get(name)!;
    const raw = await readTensor(options.input[i]!, tensor);
    inputs.set(name, "codes" in raw ? raw.codes : quantizeInput(tensor, raw.reals));
  }
  const hasFloatLayers = isMixed(graph);
  const isInteger = hasFloatLayers || isQuantized(graph);
  const values: ReadonlyMap<string, TensorData> = hasFloatLayers
    ? await openMixed(graph, { rounding, keep }).run(inputs)
    : isInteger
      ? runInteger(graph, inputs, { rounding, keep })
      : await runFloat(graph, inputs, { keep: keep ? "all" : [...graph.outputs] });
  if (options.tensors !== undefined) await dump(options.tensors, graph, values);
  const outputs = graph.outputs.map((name) => describe(graph, name, values.get(name)!));
  if (options.output !== undefined) {
    const first = graph.outputs[0]!;
    await writeTensor(options.output, graph.tensors.get(first)!.shape, values.get(first)!);
  }
  io.json({
    rounding: isInteger ? rounding : null,
    outputs: outputs.map((output, i) => ({ ...output, file: i === 0 ? (options.output ?? null) : null })),
  });
  for (const { name, dtype, shape, sha256, values: numbers } of outputs) {
    io.say(`${name} ${dtype} [${shape.join(", ")}] sha256 ${sha256}`);
    io.say(`  ${numbers.slice(0, 16).join(" ")}${numbers.length > 16 ? " …" : ""}`);
  }
}

function describe(graph: Graph, name: string, data: TensorData) {
  const { dtype, shape } = graph.tensors.get(name)!;
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return { name, dtype, shape, sha256, values: Array.from(data, Number) };
}

/** tensors.txt: one line "tNNN.bin NAME" per tensor, in the order of execution. */
async function dump(folder: string, graph: Graph, values: ReadonlyMap<string, TensorData>): Promise<void> {
  await makeFolder(folder);
  const lines: string[] = [];
  for (const [name, data] of values) {
    const file = `t${String(lines.length).padStart(3, "0")}.bin`;
    await writeTensor(join(folder, file), graph.tensors.get(name)?.shape ?? [data.length], data);
    lines.push(`${file} ${name}`);
  }
  await writeFile(join(folder, "tensors.txt"), `${lines.join("\n")}\n`);
}
