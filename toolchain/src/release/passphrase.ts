import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { PassphraseError } from "@mote/protocol";

export interface PassphraseSource {
  /** First line of this file. */
  readonly file?: string;
  /** Value of MOTE_PASSPHRASE, for machines. */
  readonly environment?: string;
}

/** From a command's --passphrase-file and the environment. */
export function passphraseSource(file: string | undefined): PassphraseSource {
  const environment = process.env["MOTE_PASSPHRASE"];
  return {
    ...(file === undefined ? {} : { file }),
    ...(environment === undefined ? {} : { environment }),
  };
}

/** Asks once per label and remembers for the length of a command. */
export function passphraseAsker(source: PassphraseSource): (label: string) => Promise<string> {
  const known = new Map<string, string>();
  return async (label) => {
    const held = known.get(label);
    if (held !== undefined) return held;
    const passphrase = await obtain(source, `Passphrase of ${label}: `);
    known.set(label, passphrase);
    return passphrase;
  };
}

/** For a new key: at a terminal it is asked twice. */
export async function newPassphrase(source: PassphraseSource, label: string): Promise<string> {
  const first = await obtain(source, `New passphrase for ${label}: `);
  const isTyped = source.file === undefined && source.environment === undefined;
  if (isTyped && first !== (await obtain(source, "Once more: "))) {
    throw new PassphraseError({
      expected: "the same passphrase twice",
      got: "two different ones",
      todo: "Try again; nothing was written.",
    });
  }
  return first;
}

async function obtain(source: PassphraseSource, prompt: string): Promise<string> {
  if (source.file !== undefined) return firstLine(source.file);
  if (source.environment !== undefined) return source.environment;
  if (process.stdin.isTTY) return ask(prompt);
  throw new PassphraseError({
    expected: "a passphrase",
    got: "none, and no terminal to ask at",
    todo: "Give --passphrase-file FILE, or set MOTE_PASSPHRASE.",
  });
}

async function firstLine(file: string): Promise<string> {
  try {
    return (await readFile(file, "utf8")).split(/\r?\n/)[0]!;
  } catch (cause) {
    throw new PassphraseError({
      expected: `a passphrase in the first line of ${file}`,
      got: "no readable file",
      todo: "Check the name.",
      cause,
    });
  }
}

/** Echoes nothing of what is typed. */
function ask(prompt: string): Promise<string> {
  process.stderr.write(prompt);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true });
  return new Promise((resolve) => {
    lines.question("", (answer) => {
      lines.close();
      process.stderr.write("\n");
      resolve(answer);
    });
  });
}
