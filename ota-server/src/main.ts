#!/usr/bin/env node
import "./heap.js";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { EXIT, MoteError } from "@mote/protocol";
import { systemErrorOf } from "@mote/protocol/node";
import { Command, CommanderError } from "commander";
import { addBackupCommands } from "./backup/commands.js";
import { Config, loadConfig } from "./config.js";
import { PatchWorker } from "./delivery/patchWorker.js";
import { createLog } from "./log.js";
import { ADMIN_TOKEN_FILE, MoteServer, VERSION } from "./server.js";
import { withoutPassword } from "./store/postgres.js";
import { readTls } from "./tls.js";

/** The command `mote-server`. Log lines go to stderr, the one line for whoever started it to stdout. */

interface Flags {
  config?: string;
  check?: boolean;
  schema?: boolean;
  [setting: string]: unknown;
}

const program = new Command("mote-server")
  .description("Takes bundles in, and a fleet of devices to them.")
  .version(VERSION)
  // The commands have options of the same names.
  .enablePositionalOptions()
  .exitOverride()
  .showHelpAfterError("(add --help for the options and an example)")
  .option("--config <file>", "settings as YAML or JSON; flags win over it")
  .option("--check", "check the settings and stop")
  .option("--schema", "print the JSON Schema of the settings file and stop")
  .option("--data <folder>", "folder for everything that must survive")
  .option("--database <url>", "PostgreSQL, postgres://user@host/name, instead of the embedded store")
  .option(
    "--blobs <place>",
    "folder of bundles and patches, or s3://bucket/prefix (default: blobs in the data folder)",
  )
  .option("--host <address>", "address to listen on (default 127.0.0.1)")
  .option("--port <n>", "HTTP port, 0 for a free one (default 8080)", number)
  .option("--mqtt-port <n>", "MQTT port, 0 for a free one (default 1883)", number)
  .option("--mqtt-broker <url>", "another's MQTT broker in the place of the server's own")
  .option("--mqtt-broker-kind <kind>", "how it lets devices in: mosquitto or nats")
  .option("--mqtt-broker-client-id <id>", "name of the fleet's session there (default mote-server)")
  .option("--mqtt-broker-user <name>", "Mosquitto: the server's user, an admin of dynamic security")
  .option("--mqtt-broker-password-file <file>", "Mosquitto: its password")
  .option("--nats-account <key>", "NATS: public key of the account, A…")
  .option("--nats-key-file <file>", "NATS: seed of a signing key of the account, SA…")
  .option("--mqtt-broker-ca <file>", "PEM: who has signed the broker's certificate")
  .option("--mqtt-broker-cert <file>", "PEM: the server's certificate for the broker")
  .option("--mqtt-broker-key <file>", "PEM: its private key")
  .option("--server-keys <folder>", "folder of the server's signing keys (default: keys in the data folder)")
  .option("--public-mqtt-url <url>", "what devices are told to connect to")
  .option("--public-url <url>", "address of this server as devices see it, where a proxy stands in front")
  .option("--trust-proxy <address...>", "proxies in front, whose word on who asks is believed")
  .option("--downloads-for <whom>", "devices (default), or anyone, for caches between")
  .option("--tls-key <file>", "PEM private key")
  .option("--tls-cert <file>", "PEM certificate chain")
  .option("--insecure-listen", "listen beyond loopback without TLS")
  .option("--demo-open-console", "let the console be read without a token (loopback only)")
  .option("--poll-interval-s <n>", "what devices are told (default 60)", number)
  .option("--device-requests-per-minute <n>", "what one device may ask, beside a burst (default 600)", number)
  .option("--tick-ms <n>", "how often rollouts are judged (default 500)", number)
  .addHelpText(
    "after",
    "\nExample:\n  mote-server --data ./fleet --port 8080\n  mote-server --data ./fleet --database postgres://mote@db.example.org/mote\n",
  );

async function main(flags: Flags): Promise<void> {
  const { config: file, check, schema, ...settings } = flags;
  if (schema === true) {
    process.stdout.write(`${JSON.stringify(Config, null, 2)}\n`);
    return;
  }
  const config = loadConfig(file, settings);
  if (check === true) {
    readTls(config);
    const shown = config.database === undefined ? {} : { database: withoutPassword(config.database) };
    process.stdout.write(`${JSON.stringify({ event: "checked", config: { ...config, ...shown } })}\n`);
    return;
  }
  const log = createLog((line) => process.stderr.write(line), Date.now);
  const server = await MoteServer.start({ config, clock: Date.now, log, patches: new PatchWorker() });
  const { url, mqttUrl, notes } = server;
  process.stdout.write(`${JSON.stringify({ event: "listening", url, mqttUrl, notes })}\n`);
  if (process.stderr.isTTY) process.stderr.write(`\n${invitation(url, config.data)}\n\n`);
  const stop = (signal: NodeJS.Signals) => {
    process.removeAllListeners("SIGINT").removeAllListeners("SIGTERM");
    log.info("stopping", { signal });
    server.close().then(
      () => process.exit(EXIT.done),
      (error) => fail(error),
    );
  };
  process.on("SIGINT", stop).on("SIGTERM", stop);
}

/** For whoever started it by hand: where to look, and how to get in. */
function invitation(url: string, data: string): string {
  const file = resolve(data, ADMIN_TOKEN_FILE);
  const token = existsSync(file) ? `the token in ${file}` : "your token";
  return `Open ${url}/ in a browser and sign in with ${token}. Ctrl-C stops the server.`;
}

/** What is no number stays as it was typed, for the message that refuses it. */
function number(text: string): number | string {
  const value = Number(text);
  return text.trim() === "" || Number.isNaN(value) ? text : value;
}

function fail(thrown: unknown): void {
  if (thrown instanceof CommanderError) {
    process.exit(thrown.exitCode === 0 ? EXIT.done : EXIT.badInput);
  }
  const error = systemErrorOf(thrown) ?? thrown;
  if (error instanceof MoteError) {
    process.stderr.write(`${error.code}: ${error.message}\n`);
    process.exit(error.exitCode);
  }
  process.stderr.write(`MOTE_FAULT: ${error instanceof Error ? (error.stack ?? error.message) : error}\n`);
  process.exit(EXIT.fault);
}

addBackupCommands(program, VERSION, (work) => work().catch(fail));
program.action(() => main(program.opts<Flags>()).catch(fail));
await program.parseAsync().catch(fail);
