import type { Command } from "commander";
import { UsageError } from "../../errors.js";
import { LIFETIMES_DAYS } from "../../release/ceremony.js";
import { initTrust } from "../../release/init.js";
import { newPassphrase, type PassphraseSource, passphraseSource } from "../../release/passphrase.js";
import { signingTimeMs } from "../../release/signing-clock.js";
import type { CliCommand, Io } from "../command.js";
import { days, MAX_KEYS, wholeNumber } from "../options.js";
import { configureRotate } from "./keys-rotate.js";
import { configureAdd, configureShow } from "./keys-show.js";

export const command: CliCommand = {
  name: "keys",
  summary: "make, show and rotate the keys that sign releases",
  configure(command, io) {
    configureInit(command.command("init"), io);
    configureAdd(command.command("add"), io);
    configureShow(command.command("show"), io);
    configureRotate(command.command("rotate"), io);
  },
};

interface InitOptions {
  readonly out: string;
  readonly mode: string;
  readonly rootThreshold: string;
  readonly rootKeys?: string;
  readonly targetsThreshold: string;
  readonly targetsKeys?: string;
  readonly rootDays: string;
  readonly targetsDays: string;
  /** False when --no-passphrase was given. */
  readonly passphrase: boolean;
  readonly passphraseFile?: string;
}

function configureInit(command: Command, io: Io): void {
  command
    .description("make all keys, the first root (which devices are enrolled with) and the first targets")
    .requiredOption("-o, --out <dir>", "a new folder for keys and metadata")
    .option(
      "--mode <mode>",
      "offline: people sign releases; server: the server signs what is uploaded",
      "offline",
    )
    .option("--root-threshold <n>", "signatures that a new root needs", "2")
    .option("--root-keys <n>", "root keys to make (one more than the threshold, or one)")
    .option("--targets-threshold <n>", "signatures that a release needs", "2")
    .option("--targets-keys <n>", "targets keys to make (one more than the threshold, or one)")
    .option("--root-days <n>", "days until the root must be signed again", String(LIFETIMES_DAYS.root))
    .option(
      "--targets-days <n>",
      "days until the targets must be signed again",
      String(LIFETIMES_DAYS.targets),
    )
    .option(
      "--passphrase-file <file>",
      "one passphrase for all keys (else asked per key, or MOTE_PASSPHRASE)",
    )
    .option("--no-passphrase", "leave the keys unencrypted on the disk: for tests and demonstrations")
    .addHelpText(
      "after",
      "\nExample:\n  mote keys init --out trust --mode offline --root-threshold 2 --targets-threshold 2\n",
    )
    .action(async (options: InitOptions) => {
      const source: PassphraseSource = passphraseSource(options.passphraseFile);
      const result = await initTrust({
        out: options.out,
        mode: parseMode(options.mode),
        root: parsePolicy("root", options.rootThreshold, options.rootKeys),
        targets: parsePolicy("targets", options.targetsThreshold, options.targetsKeys),
        rootDays: days("--root-days", options.rootDays),
        targetsDays: days("--targets-days", options.targetsDays),
        nowMs: signingTimeMs(),
        protectionFor: async (label) =>
          options.passphrase ? { passphrase: await newPassphrase(source, label) } : { unencrypted: true },
      });
      io.json({ mode: options.mode, ...result });
      for (const { label, file } of result.keys) io.say(`${label.padEnd(12)} ${file}`);
      io.say(`Server's keys: ${result.serverKeys} (all that the server gets)`);
      io.say(`Root for devices: ${result.rootFile}`);
      io.say("Now carry the root and targets keys to different people and places; see docs/keys.md.");
    });
}

function parseMode(mode: string): "offline" | "server" {
  if (mode === "offline" || mode === "server") return mode;
  throw new UsageError({
    expected: "--mode offline or --mode server",
    got: mode,
    todo: "See mote keys init --help.",
  });
}

/** Without a count: one key for a threshold of one, else one to spare, so that a loss stops nothing. */
function parsePolicy(
  role: string,
  thresholdText: string,
  countText: string | undefined,
): { count: number; threshold: number } {
  const threshold = wholeNumber(`--${role}-threshold`, thresholdText, 1, MAX_KEYS);
  const spare = threshold === 1 ? 1 : threshold + 1;
  const count = countText === undefined ? spare : wholeNumber(`--${role}-keys`, countText, 1, MAX_KEYS);
  if (count >= threshold) return { count, threshold };
  throw new UsageError({
    expected: `at least ${threshold} ${role} keys for a threshold of ${threshold}`,
    got: String(count),
    todo: `Raise --${role}-keys or lower --${role}-threshold.`,
  });
}
