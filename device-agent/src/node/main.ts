#!/usr/bin/env node
import { EXIT, MoteError } from "@mote/protocol";
import { systemErrorOf } from "@mote/protocol/node";
import { Command, CommanderError } from "commander";
import { AGENT_VERSION } from "./assemble.js";
import type { AgentCommand } from "./command.js";
import { createConsole } from "./console.js";
import { isCode } from "./durable-file.js";

/** The command `mote-agent`. Only the file of the command that was typed is loaded. */
const COMMANDS: Record<string, () => Promise<{ command: AgentCommand }>> = {
  enroll: () => import("./commands/enroll.js"),
  run: () => import("./commands/run.js"),
  status: () => import("./commands/status.js"),
  diagnose: () => import("./commands/diagnose.js"),
  simulate: () => import("./commands/simulate.js"),
  rehearse: () => import("./commands/rehearse.js"),
};

async function main(argv: string[]): Promise<number> {
  const isJson = argv.includes("--json");
  const program = new Command("mote-agent")
    .description("Keeps one device's model up to date, runs it and tells how it does.")
    .version(AGENT_VERSION)
    .exitOverride()
    .showHelpAfterError("(add --help for the options and an example)");
  const typed = argv.slice(2).find((word) => !word.startsWith("-"));
  const wanted = typed !== undefined && typed in COMMANDS ? [typed] : Object.keys(COMMANDS);
  for (const name of wanted) {
    const { command } = await COMMANDS[name]!();
    const sub = program.command(command.name).description(command.summary).exitOverride();
    command.configure(sub, createConsole(isJson));
    sub.option("--json", "JSON on stdout");
  }
  try {
    await program.parseAsync(argv);
    return Number(process.exitCode ?? EXIT.done);
  } catch (error) {
    return report(error, isJson);
  }
}

function report(thrown: unknown, isJson: boolean): number {
  const error = systemErrorOf(thrown) ?? thrown;
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.badInput;
  if (error instanceof MoteError) {
    process.stderr.write(`${error.code}: ${error.message}\n`);
    if (isJson) {
      process.stdout.write(`${JSON.stringify({ error: { code: error.code, message: error.message } })}\n`);
    }
    return error.exitCode;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(
    `MOTE_FAULT: an unexpected fault; please report it with the following lines.\n${text}\n`,
  );
  return EXIT.fault;
}

// A device must not stop because whoever read its log did.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error) => {
    if (!isCode(error, "EPIPE")) throw error;
  });
}

process.exitCode = await main(process.argv);
