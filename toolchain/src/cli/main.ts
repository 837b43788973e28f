#!/usr/bin/env node
import { EXIT, MoteError } from "@mote/protocol";
import { systemErrorOf } from "@mote/protocol/node";
import { Command, CommanderError } from "commander";
import type { CliCommand } from "./command.js";
import { createIo } from "./io.js";

/**
 * The command `mote`. Only the file of the command that was typed is imported: `mote rollout list` must not wait for a
 * training library to load.
 */
const COMMANDS: Record<string, () => Promise<{ command: CliCommand }>> = {
  inspect: () => import("./commands/inspect.js"),
  convert: () => import("./commands/convert.js"),
  profile: () => import("./commands/profile.js"),
  compile: () => import("./commands/compile.js"),
  targets: () => import("./commands/targets.js"),
  bundle: () => import("./commands/bundle.js"),
  keys: () => import("./commands/keys.js"),
  publish: () => import("./commands/publish.js"),
  log: () => import("./commands/log.js"),
  sign: () => import("./commands/sign.js"),
  evaluate: () => import("./commands/evaluate.js"),
  optimize: () => import("./commands/optimize.js"),
  train: () => import("./commands/train.js"),
  prune: () => import("./commands/prune.js"),
  quantize: () => import("./commands/quantize.js"),
  run: () => import("./commands/run.js"),
  diff: () => import("./commands/diff.js"),
  patch: () => import("./commands/patch.js"),
  rollout: () => import("./commands/rollout.js"),
  device: () => import("./commands/device.js"),
  release: () => import("./commands/release.js"),
  consumer: () => import("./commands/consumer.js"),
  webhook: () => import("./commands/webhook.js"),
  fleet: () => import("./commands/fleet.js"),
  schema: () => import("./commands/schema.js"),
};

async function run(argv: string[]): Promise<number> {
  const isJson = argv.includes("--json");
  const io = createIo(isJson);
  const program = new Command("mote")
    .description("Takes a machine-learning model to a fleet of small devices and keeps it good there.")
    .version("0.1.0")
    // So that `mote bundle create --version 1.0.0` means the bundle's version.
    .enablePositionalOptions()
    .exitOverride()
    .showHelpAfterError("(add --help for the options and an example)");
  const typed = argv.slice(2).find((word) => !word.startsWith("-"));
  const wanted = typed !== undefined && typed in COMMANDS ? [typed] : Object.keys(COMMANDS);
  for (const name of wanted) {
    const { command } = await COMMANDS[name]!();
    const sub = program.command(command.name).description(command.summary).exitOverride();
    command.configure(sub, io);
    addJsonFlag(sub);
  }
  try {
    await program.parseAsync(argv);
    return process.exitCode === undefined ? EXIT.done : Number(process.exitCode);
  } catch (error) {
    return report(error, isJson);
  }
}

/** Every command and every subcommand takes --json. */
function addJsonFlag(command: Command): void {
  command.option("--json", "one JSON document on stdout, progress on stderr");
  for (const sub of command.commands) addJsonFlag(sub as Command);
}

function report(thrown: unknown, isJson: boolean): number {
  const error = systemErrorOf(thrown) ?? thrown;
  if (error instanceof CommanderError) {
    return error.exitCode === 0 ? EXIT.done : EXIT.badInput;
  }
  if (error instanceof MoteError) {
    process.stderr.write(`${error.code}: ${error.message}\n`);
    if (isJson)
      process.stdout.write(`${JSON.stringify({ error: { code: error.code, message: error.message } })}\n`);
    return error.exitCode;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(
    `MOTE_FAULT: an unexpected fault; please report it with the following lines.\n${text}\n`,
  );
  return EXIT.fault;
}

// Whoever reads the output may have seen enough: `mote … | head`.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}

process.exitCode = await run(process.argv);
