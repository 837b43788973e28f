import type { Command } from "commander";

/** What a command may touch of the outside: handed in, so that a test can run a command without a process. */
export interface Io {
  /** Text for people; swallowed under --json. */
  say(text: string): void;
  /** The one JSON document of a --json run; without --json it is swallowed. */
  json(document: unknown): void;
  readonly isJson: boolean;
  /** A progress bar on stderr (silent when stderr is no terminal): call with done out of total. */
  progress(label: string): { update(done: number, total: number): void; stop(): void };
}

/** Each file of commands/ exports one of these as `command`; main.ts imports only the one that was typed. */
export interface CliCommand {
  readonly name: string;
  readonly summary: string;
  /** Adds arguments, options, an example (addHelpText) and the action to `command`. */
  configure(command: Command, io: Io): void;
}
