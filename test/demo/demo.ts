import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import pc from "picocolors";
import { Journal } from "./journal.js";
import { stopAll } from "./processes.js";
import { tell } from "./story.js";

/** `npm run demo`: the whole job on real input. Exit code 0 only if everything went as it should. */

const program = new Command("demo")
  .description(
    "A trained model goes to a fleet, gets better by a small update, and a bad one comes back by itself.",
  )
  .option("--keep", "leave the server and the devices running at the end, and print the page's address")
  .option("--retrain", "train the digit models from scratch first (tens of minutes)")
  .option("--work <dir>", "folder for everything that the demo makes (default: a temporary one)")
  .addHelpText("after", "\nExample:\n  npm run demo -- --keep");
program.parse();
const options = program.opts<{ keep?: boolean; retrain?: boolean; work?: string }>();

const work = options.work ?? mkdtempSync(join(tmpdir(), "mote-demo-"));
let isStopping = false;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    if (isStopping) return;
    isStopping = true;
    process.stderr.write(`\n${signal}: stopping the server and the devices …\n`);
    void stopAll().then(() => process.exit(130));
  });
}

const journal = new Journal(11);
let ending = "";
try {
  const { url } = await tell(journal, work, { retrain: options.retrain === true });
  ending = url;
} catch (error) {
  journal.check(
    "the story was told to its end",
    error instanceof Error ? error.message : String(error),
    false,
  );
}

process.stdout.write(`\n${journal.table()}\n\n`);
if (journal.allHold) {
  process.stdout.write(pc.green(`All of it happened as it should, in ${journal.seconds.toFixed(0)} s.\n`));
} else {
  process.stdout.write(pc.red(`Something did not go as it should. Logs and models are kept in ${work}\n`));
}
process.exitCode = journal.allHold ? 0 : 1;

if (options.keep && ending !== "") {
  const token = join(work, "server", "admin.token");
  process.stdout.write(`\nThe fleet's page: ${pc.bold(ending)}\n`);
  if (existsSync(token)) process.stdout.write(`Operator's token: ${readFileSync(token, "utf8").trim()}\n`);
  process.stdout.write("Press Ctrl-C to stop the server and the devices.\n");
} else {
  await stopAll();
  if (journal.allHold && options.work === undefined) rmSync(work, { recursive: true, force: true });
  // The bad link's open sockets would keep the demo alive after its last word.
  process.exit();
}
