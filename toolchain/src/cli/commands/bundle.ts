import type { CliCommand } from "../command.js";

export const command: CliCommand = {
  name: "bundle",
  summary: "make, show and check the file that carries a release",
  configure() {},
};
