import { UsageError } from "../../errors.js";
import { readModel, writeModel } from "../../formats/index.js";
import type { CliCommand } from "../command.js";
import { collectDimension } from "../dimensions.js";

export const command: CliCommand = {
  name: "convert",
  summary: "between model formats, same numbers",
  configure(command, io) {
    command
      .argument("<model>", "a model file: .onnx, .tflite, .h5, .keras or model.json")
      .requiredOption("-o, --output <file>", "the file to write; its ending names the format")
      .option("--dim <name=length>", "the length of a dimension that the file leaves open", collectDimension)
      .addHelpText("after", "\nExample:\n  mote convert kws.tflite -o kws.onnx")
      .action(async (path: string, options: { output: string; dim?: Record<string, number> }) => {
        if (options.output === path) {
          throw new UsageError({
            expected: "an output file other than the input",
            got: path,
            todo: "Choose another name with -o.",
          });
        }
        const graph = await readModel(path, options.dim === undefined ? {} : { dimensions: options.dim });
        await writeModel(graph, options.output);
        io.say(`${options.output}: ${graph.operators.length} operators`);
        io.json({ input: path, output: options.output, operators: graph.operators.length });
      });
  },
};
