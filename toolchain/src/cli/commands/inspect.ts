import type { CliCommand } from "../command.js";

export const command: CliCommand = {
  name: "inspect",
  summary: "operators, tensors, dtypes, shapes, MACs, parameters; what is unsupported, and where",
  configure(command) {
    command.argument("<model>");
  },
};
