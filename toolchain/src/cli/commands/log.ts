import { readFile, writeFile } from "node:fs/promises";
import { type PublishLogEntry, type PublishLogHead, verifyLog, whatCame } from "@mote/protocol";
import { nodeSha256 } from "@mote/protocol/node";
import { InvalidArgumentError } from "commander";
import { FileError, UsageError } from "../../errors.js";
import type { CliCommand, Io } from "../command.js";
import { addServerOptions, connect, type ServerOptions, serverUrl } from "../operator/connect.js";

interface CheckOptions extends ServerOptions {
  readonly head: readonly PublishLogHead[];
  readonly output?: string;
}

export const command: CliCommand = {
  name: "log",
  summary: "check the append-only log of everything that a server has published",
  configure(command, io) {
    addServerOptions(command.command("check"))
      .description("walk the hash chain; exit 4 where entries were changed, removed or reordered")
      .argument("[file]", "a log that was saved with --output (JSON, one entry a line)")
      .option(
        "--head <length:sha256>",
        "a head remembered from an earlier check; may be given often",
        addHead,
        [],
      )
      .option("-o, --output <file>", "save what was checked")
      .addHelpText(
        "after",
        "\nExample:\n  mote log check --server https://ota.example.org --token-file admin.token --head 12:9f86d081…\n" +
          "\nNote the head that it prints, on paper or with another party: with it, a later check shows that nothing\n" +
          "before it was touched since.\n",
      )
      .action((file: string | undefined, options: CheckOptions) => check(file, options, io));
  },
};

function addHead(text: string, heads: readonly PublishLogHead[]): PublishLogHead[] {
  const match = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text);
  if (match === null)
    throw new InvalidArgumentError("Expected LENGTH:SHA256, as `mote log check` prints it.");
  return [...heads, { length: Number(match[1]), sha256: match[2]! }];
}

async function check(file: string | undefined, options: CheckOptions, io: Io): Promise<void> {
  // A server that stands in the environment is not meant where a file is named.
  if (file === undefined ? serverUrl(options) === null : options.server !== undefined) {
    throw new UsageError({
      expected: "either a file or --server",
      got: file === undefined ? "neither" : "both",
      todo: "See mote log check --help.",
    });
  }
  const entries = file === undefined ? await fetchLog(options) : await readLog(file);
  const head = verifyLog(entries, nodeSha256, options.head);
  if (options.output !== undefined) {
    await writeFile(options.output, entries.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
  }
  io.json({ entries: head.length, head: `${head.length}:${head.sha256}`, remembered: options.head.length });
  io.say(`${head.length} entries, an unbroken chain. Head: ${head.length}:${head.sha256}`);
}

async function fetchLog(options: CheckOptions): Promise<PublishLogEntry[]> {
  const client = await connect(options);
  const entries: PublishLogEntry[] = [];
  for (;;) {
    const page = await client.publishLog(entries.length);
    entries.push(...page.entries);
    if (page.entries.length === 0 || entries.length >= page.head.length) return entries;
  }
}

async function readLog(file: string): Promise<PublishLogEntry[]> {
  try {
    const lines = (await readFile(file, "utf8")).split("\n").filter((line) => line !== "");
    return lines.map((line) => JSON.parse(line) as PublishLogEntry);
  } catch (cause) {
    throw new FileError({
      expected: `a log in ${file}, one JSON entry a line`,
      got: whatCame(cause),
      todo: "Save one with `mote log check --server URL --output FILE`.",
      cause,
    });
  }
}
