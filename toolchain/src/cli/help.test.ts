import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { describe, expect, test } from "vitest";
import type { CliCommand } from "./command.js";

/** Every command as it is typed, with its help. */

const FOLDER = fileURLToPath(new URL("commands", import.meta.url));
const SILENT = { isJson: true, say() {}, json() {}, progress: () => ({ update() {}, stop() {} }) };

interface Leaf {
  readonly name: string;
  readonly help: string;
  readonly flags: ReadonlySet<string>;
}

function leavesOf(command: Command, path: string): Leaf[] {
  if (command.commands.length > 0) {
    return command.commands.flatMap((sub) => leavesOf(sub as Command, `${path} ${sub.name()}`));
  }
  let help = "";
  command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
  const flags = command.options
    .flatMap(({ short, long }) => [short, long])
    .filter((flag) => flag !== undefined);
  return [{ name: path, help, flags: new Set([...flags, "--json", "--help", "-h"]) }];
}

const leaves: Leaf[] = [];
for (const file of readdirSync(FOLDER).filter((name) => /^[a-z-]+\.ts$/.test(name))) {
  const { command } = (await import(`${FOLDER}/${file}`)) as { command?: CliCommand };
  if (command === undefined) continue;
  const sub = new Command(command.name);
  command.configure(sub, SILENT);
  leaves.push(...leavesOf(sub, `mote ${command.name}`));
}

/** Lines of examples, joined where they go on, without what is said behind them. */
function examplesIn(help: string): string[] {
  const lines = help.replaceAll(/\\\n\s*/g, "").split("\n");
  return lines.map((line) => line.trim().replace(/\s#.*$/, "")).filter((line) => line.startsWith("mote "));
}

describe.each(leaves)("$name --help", ({ name, help }) => {
  test("shows an example of itself", () => {
    expect(examplesIn(help).filter((line) => `${line} `.startsWith(`${name} `))).not.toEqual([]);
  });

  test("names only flags that there are", () => {
    for (const line of examplesIn(help)) {
      const leaf = leaves.find((one) => `${line} `.startsWith(`${one.name} `));
      expect(leaf, line).toBeDefined();
      for (const flag of line.match(/(?<=\s)--?[a-z][a-z-]*/g) ?? [])
        expect(leaf!.flags, line).toContain(flag);
    }
  });
});
