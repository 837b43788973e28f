import type { Command } from "commander";
import type { Console } from "./console.js";

/** Each file of commands/ exports one of these; main.ts imports only the one that was typed. */
export interface AgentCommand {
  readonly name: string;
  readonly summary: string;
  configure(command: Command, console: Console): void;
}
