import { MoteError } from "@mote/protocol";
import { Command } from "commander";
import type { CliCommand } from "./command.js";

/** What a command said with `--json`, and how it was refused. */
export interface Outcome<T> {
  readonly json: T;
  readonly error: MoteError | null;
}

/** For tests: a command in this process, as it is typed after its name. Throws what is no MoteError. */
export async function tryCommand<T = Record<string, unknown>>(
  command: CliCommand,
  ...words: string[]
): Promise<Outcome<T>> {
  let document: unknown = {};
  const sub = new Command()
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeErr() {} });
  command.configure(sub, {
    isJson: true,
    say() {},
    json(value) {
      document = JSON.parse(JSON.stringify(value));
    },
    progress: () => ({ update() {}, stop() {} }),
  });
  try {
    await sub.parseAsync(words, { from: "user" });
    return { json: document as T, error: null };
  } catch (error) {
    if (error instanceof MoteError) return { json: document as T, error };
    throw error;
  }
}

/** For tests: the same, of a command that is to succeed. */
export async function runCommand<T = Record<string, unknown>>(
  command: CliCommand,
  ...words: string[]
): Promise<T> {
  const { json, error } = await tryCommand<T>(command, ...words);
  if (error !== null) throw error;
  return json;
}
