import { join } from "node:path";
import type { Command } from "commander";
import { loadConfig } from "../config.js";
import { type BackupSummary, backup } from "./backup.js";
import { restore } from "./restore.js";

interface Flags {
  readonly config?: string;
  readonly output?: string;
  readonly json?: boolean;
  readonly [setting: string]: unknown;
}

/** `mote-server backup` and `mote-server restore`. The places are named as for the server itself. */
export function addBackupCommands(
  program: Command,
  version: string,
  run: (work: () => Promise<void>) => Promise<void>,
): void {
  const places = (command: Command) =>
    command
      .option("--config <file>", "the server's settings; flags win over it")
      .option("--data <folder>", "the server's data folder")
      .option("--database <url>", "PostgreSQL instead of the embedded store")
      .option(
        "--blobs <place>",
        "folder of bundles and patches, or s3://bucket/prefix (default: blobs in the data folder)",
      )
      .option(
        "--server-keys <folder>",
        "folder of the server's signing keys (default: keys in the data folder)",
      )
      .option("--json", "print one JSON document");

  places(program.command("backup"))
    .description("Write everything that a server must not lose to one file, while the server goes on.")
    .requiredOption("-o, --output <file>", "backup to write (a tar file; it holds keys, so keep it as safe)")
    .addHelpText("after", "\nExample:\n  mote-server backup --data ./fleet -o fleet-$(date +%F).tar\n")
    .action((flags: Flags) =>
      run(async () => {
        const { data, database, blobs, serverKeys } = placesOf(flags);
        const store = database === undefined ? { folder: data } : { url: database };
        const from = {
          store,
          blobs: blobs ?? join(data, "blobs"),
          serverKeys: serverKeys ?? join(data, "keys"),
        };
        tell(await backup(from, String(flags.output), Date.now(), version, say), flags.json === true);
      }),
    );

  places(program.command("restore"))
    .argument("<backup>", "file that `mote-server backup` has written")
    .description("Make a data folder (and fill a database) from a backup; nothing is ever written over.")
    .addHelpText(
      "after",
      "\nExample:\n  mote-server restore fleet-2026-11-21.tar --data ./fleet\n  mote-server restore fleet-2026-11-21.tar --data ./fleet --database postgres://mote@db/mote\n",
    )
    .action((file: string, flags: Flags) =>
      run(async () => tell(await restore(file, placesOf(flags), Date.now(), say), flags.json === true)),
    );
}

function placesOf(flags: Flags) {
  const { config: file, output: _output, json: _json, ...settings } = flags;
  return loadConfig(file, settings);
}

function say(what: string): void {
  process.stderr.write(`${what}\n`);
}

function tell(summary: BackupSummary, isJson: boolean): void {
  const { file, bytes, tables, blobs, keys } = summary;
  const rows = Object.values(tables).reduce((sum, count) => sum + count, 0);
  process.stdout.write(
    isJson
      ? `${JSON.stringify(summary)}\n`
      : `${file}: ${rows} rows in ${Object.keys(tables).length} tables, ${blobs} blobs, ${keys} keys, ${bytes} bytes\n`,
  );
}
