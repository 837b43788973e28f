import { execFileSync, spawnSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  envelopeFile,
  exampleManifest,
  fromHex,
  judgeReleaseEnvelope,
  MoteError,
  PATHS,
  pinRootEnvelope,
  readReleaseEnvelope,
  rotateRootEnvelope,
  type Signer,
  signReleaseEnvelope,
  signRootEnvelope,
  toHex,
} from "@mote/protocol";
import { generateKey, nodeSha256, nodeVerify, readServerKeys } from "@mote/protocol/node";
import type { CliCommand } from "@mote/toolchain/cli/command";
import { command as keysCommand } from "@mote/toolchain/cli/commands/keys";
import { command as logCommand } from "@mote/toolchain/cli/commands/log";
import { command as publishCommand } from "@mote/toolchain/cli/commands/publish";
import { command as signCommand } from "@mote/toolchain/cli/commands/sign";
import { runCommand } from "@mote/toolchain/cli/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TrustOffice } from "./trust-office.js";

/**
 * Offline mode with microcontrollers: people sign, the real server hands their envelopes out, and whoever has the
 * server's disk and keys gets nothing onto a device. Judged by the C reader and by the reference.
 */

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const SHIMS = join(ROOT, "firmware-shims");
const DEPS = { sha256: nodeSha256, verify: nodeVerify };
const HARDWARE = "mcu";
const ARCHITECTURE = exampleManifest().variants.find(({ runtime }) => runtime === "mote-c")!.architectureHash;
const has = (program: string): boolean => spawnSync(program, ["--version"], { stdio: "ignore" }).status === 0;
const hasCompiler = has("make") && has("cc");

let office: TrustOffice;

beforeEach(async () => {
  office = await TrustOffice.open();
});
afterEach(() => office.close());

const at = (...names: string[]): string => office.at(...names);

const COMMANDS: Record<string, CliCommand> = {
  keys: keysCommand,
  sign: signCommand,
  publish: publishCommand,
  log: logCommand,
};

/** A command as it is typed, in this process. */
const mote = <T = Record<string, unknown>>(name: string, ...words: string[]) =>
  runCommand<T>(COMMANDS[name]!, ...words);

/** Ada and Bo sign, with an envelope for the MCUs beside it. */
async function sign(...what: string[]): Promise<void> {
  for (const holder of ["ada", "bo"]) {
    await mote("sign", ...what, "--keys", at(holder), "--repo", at("trust"), "--envelopes", at("mcu"));
  }
}

async function fetchEnvelope(file: string): Promise<Uint8Array> {
  const answer = await fetch(`${office.url}${PATHS.metadata(file)}`);
  expect(answer.status).toBe(200);
  return new Uint8Array(await answer.arrayBuffer());
}

interface Attempt {
  readonly kind: "release" | "root";
  readonly envelope: Uint8Array;
  readonly floor: number;
}

/** The C reader's verdicts, which the reference must share. */
function judge(pinned: Uint8Array, attempts: readonly Attempt[]): string[] {
  const lines = attempts.map(({ kind, envelope, floor }) =>
    [kind, toHex(pinned), toHex(envelope), "reader", HARDWARE, ARCHITECTURE, floor].join(" "),
  );
  const output = execFileSync("make", ["--no-print-directory", "-C", SHIMS, "judge-lines"], {
    input: `${lines.join("\n")}\n`,
    encoding: "utf8",
  });
  const verdicts = output.trim().split("\n");
  expect(verdicts).toEqual(attempts.map((attempt) => reference(pinned, attempt)));
  return verdicts;
}

function reference(pinned: Uint8Array, { kind, envelope, floor }: Attempt): string {
  const state = { ...pinRootEnvelope(pinned), floor };
  const question = {
    product: "reader",
    hardware: HARDWARE,
    architectureHash: fromHex(ARCHITECTURE),
    clockS: null,
  };
  try {
    if (kind === "root") rotateRootEnvelope(state, envelope, DEPS);
    else judgeReleaseEnvelope(state, envelope, question, DEPS);
    return "ok";
  } catch (error) {
    if (error instanceof MoteError) return error.code;
    throw error;
  }
}

describe("offline mode with microcontrollers", () => {
  it.skipIf(!hasCompiler)(
    "serves what people signed, and nothing that a thief makes of the server's disk (needs make and a C compiler)",
    async () => {
      await mote("keys", "init", "--out", at("trust"), "--no-passphrase");
      await office.hand("targets-1", "ada");
      await office.hand("targets-2", "bo");
      const pinned = new Uint8Array(await readFile(at("trust", "metadata", "root-1.cose")));
      await office.startServer(at("trust", "server-keys"));
      const [old, current] = [await office.writeBundle("1.0.0", 1), await office.writeBundle("2.0.0", 2)];
      const token = ["--server", office.url, "--token-file", at("data", "admin.token")];
      for (const bundle of [old, current]) {
        await sign(bundle);
        await mote("publish", bundle, "--repo", at("trust"), "--envelopes", at("mcu"), ...token);
      }
      const first = await fetchEnvelope(envelopeFile("reader", "1.0.0", HARDWARE));
      const second = await fetchEnvelope(envelopeFile("reader", "2.0.0", HARDWARE));
      expect(
        judge(pinned, [
          { kind: "release", envelope: first, floor: 0 },
          { kind: "release", envelope: second, floor: 0 },
        ]),
      ).toEqual(["ok", "ok"]);

      // The thief: all keys of the server's disk, all that was ever published, and a person's key below the threshold.
      const { snapshot, timestamp } = await readServerKeys(at("trust", "server-keys"));
      const stranger = generateKey();
      const facts = readReleaseEnvelope(second);
      const { root } = pinRootEnvelope(pinned);
      const forge = (signers: readonly Signer[], change: object = {}): Attempt => ({
        kind: "release",
        envelope: signReleaseEnvelope({ ...facts, sequence: 666, ...change }, signers, nodeSha256),
        floor: 2,
      });
      const ownRoot = signRootEnvelope(
        {
          ...root,
          version: 2,
          releaseThreshold: 1,
          releaseKeys: [snapshot.publicKey],
          rootThreshold: 1,
          rootKeys: [timestamp.publicKey],
        },
        [snapshot, timestamp, stranger],
        nodeSha256,
      );
      const swapped = second.slice();
      swapped[swapped.length - 1]! ^= 1;
      expect(
        judge(pinned, [
          forge([snapshot, timestamp]),
          forge([snapshot, timestamp, stranger]),
          forge([], { issuedS: 0 }),
          { kind: "release", envelope: first, floor: 2 },
          { kind: "release", envelope: swapped, floor: 2 },
          { kind: "root", envelope: ownRoot, floor: 2 },
          { kind: "root", envelope: pinned, floor: 2 },
        ]),
      ).toEqual([
        "MOTE_TRUST_SIGNATURE",
        "MOTE_TRUST_SIGNATURE",
        "MOTE_TRUST_SIGNATURE",
        "MOTE_TRUST_BELOW_FLOOR",
        "MOTE_TRUST_SIGNATURE",
        "MOTE_TRUST_SIGNATURE",
        "MOTE_TRUST_ROLLBACK",
      ]);

      // What was published is in the log; a log that was tampered with does not check.
      const log = at("log.jsonl");
      const checked = await mote<{ entries: number; head: string }>(
        "log",
        "check",
        ...token,
        "--output",
        log,
      );
      const lines = (await readFile(log, "utf8")).trim().split("\n");
      expect(lines).toHaveLength(checked.entries);
      expect(lines.join()).toContain(envelopeFile("reader", "2.0.0", HARDWARE));
      expect(await mote("log", "check", log, "--head", checked.head)).toMatchObject({ remembered: 1 });
      await writeFile(log, [...lines.slice(0, 1), ...lines.slice(2)].join("\n"));
      await expect(mote("log", "check", log)).rejects.toMatchObject({
        code: "MOTE_TRUST_MISMATCH",
        exitCode: 4,
      });
    },
    120_000,
  );
});
