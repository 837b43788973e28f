#!/usr/bin/env node
import { createPublicKey, constants as cryptoConstants, verify } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  findTargetFile,
  MoteError,
  parseMetadata,
  pinRoot,
  RootSigned,
  refresh,
  type TargetFile,
  TRUST_LIMITS,
  type TrustLimits,
  type TrustState,
  type TufKey,
  toHex,
} from "@mote/protocol";
import { nodeSha256, nodeVerify } from "@mote/protocol/node";
import { Command } from "commander";

/**
 * Our TUF client behind the command line that the public conformance suite drives (its CLIENT-CLI.md): `init`,
 * `refresh`, `download`, files without version numbers, exit code 0 or 1. `lookup` prints a target as JSON.
 * MOTE_TEST_NOW_MS and MOTE_TEST_LIMITS stand in for a clock and limits that a test wants otherwise.
 */

interface Options {
  readonly metadataDir: string;
  readonly metadataUrl: string;
  readonly targetName: string;
  readonly targetBaseUrl: string;
  readonly targetDir: string;
}

const TOP_LEVEL = ["root", "timestamp", "snapshot", "targets"] as const;
const clockMs = Number(process.env["MOTE_TEST_NOW_MS"] ?? Date.now());
const limits: TrustLimits = { ...TRUST_LIMITS, ...JSON.parse(process.env["MOTE_TEST_LIMITS"] ?? "{}") };
const deps = { sha256: nodeSha256, verify: nodeVerify, verifyOther, limits, clockMs };

async function load(dir: string): Promise<TrustState> {
  const read = async (role: string) =>
    readFile(join(dir, `${encodeURIComponent(role)}.json`)).then((bytes) => new Uint8Array(bytes));
  const orNull = (role: string) => read(role).catch(() => null);
  const delegated: [string, Uint8Array][] = [];
  for (const name of await readdir(dir)) {
    if (!name.endsWith(".json")) continue;
    const role = decodeURIComponent(name.slice(0, -".json".length));
    if (!TOP_LEVEL.some((top) => top === role)) delegated.push([role, await read(role)]);
  }
  return {
    ...pinRoot(await read("root")),
    timestamp: await orNull("timestamp"),
    snapshot: await orNull("snapshot"),
    targets: await orNull("targets"),
    delegated: Object.fromEntries(delegated),
  };
}

async function save(dir: string, state: TrustState): Promise<void> {
  for (const role of TOP_LEVEL) {
    const bytes = state[role];
    if (bytes === null) await rm(join(dir, `${role}.json`), { force: true });
    else await writeFile(join(dir, `${role}.json`), bytes);
  }
  for (const [role, bytes] of Object.entries(state.delegated)) {
    await writeFile(join(dir, `${encodeURIComponent(role)}.json`), bytes);
  }
}

/** Stops reading at the limit; null on 403 and 404, as the specification has it. */
async function download(url: string, maxBytes: number): Promise<Uint8Array | null> {
  const response = await fetch(url);
  if (response.status === 404 || response.status === 403) return null;
  if (!response.ok || response.body === null) throw new Error(`HTTP ${response.status} for ${url}`);
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response.body) {
    parts.push(part);
    length += part.length;
    // One byte too many is enough to be refused.
    if (length > maxBytes) break;
  }
  return new Uint8Array(Buffer.concat(parts));
}

/** @param path null: top-level roles only, delegated ones are for a search. */
async function update(options: Options, path: string | null): Promise<TrustState> {
  const base = options.metadataUrl.replace(/\/?$/, "/");
  return refresh(await load(options.metadataDir), {
    ...deps,
    path,
    fetch: (file, maxBytes) => download(base + file, maxBytes),
    persist: (state) => save(options.metadataDir, state),
  });
}

async function search(options: Options): Promise<TargetFile | null> {
  return findTargetFile(await update(options, options.targetName), options.targetName, deps);
}

async function downloadTarget(options: Options): Promise<void> {
  const state = await update(options, options.targetName);
  const target = findTargetFile(state, options.targetName, deps);
  if (target === null) throw new Error(`no trusted role names ${options.targetName}`);
  await mkdir(options.targetDir, { recursive: true });
  const local = join(options.targetDir, encodeURIComponent(options.targetName));
  const held = await readFile(local).catch(() => null);
  if (held !== null && isTarget(target, held)) return;
  const slash = options.targetName.lastIndexOf("/") + 1;
  const root = parseMetadata(state.root, RootSigned, "root").signed;
  const prefix = (root.consistent_snapshot ?? true) ? `${Object.values(target.hashes)[0]}.` : "";
  const path = options.targetName.slice(0, slash) + prefix + options.targetName.slice(slash);
  const bytes = await download(options.targetBaseUrl.replace(/\/?$/, "/") + path, target.length);
  if (bytes === null || !isTarget(target, bytes))
    throw new Error("the artifact is missing or not what was signed");
  await writeFile(local, bytes);
}

function isTarget(target: TargetFile, bytes: Uint8Array): boolean {
  return bytes.length === target.length && toHex(nodeSha256(bytes)) === target.hashes["sha256"];
}

/** Key types that foreign repositories use. Mote's own are Ed25519. */
function verifyOther(key: TufKey, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    const publicKey = createPublicKey(key.keyval.public);
    if (key.scheme === "ecdsa-sha2-nistp256") return verify("sha256", message, publicKey, signature);
    if (key.scheme === "ecdsa-sha2-nistp384") return verify("sha384", message, publicKey, signature);
    if (key.scheme !== "rsassa-pss-sha256") return false;
    const pss = { key: publicKey, padding: cryptoConstants.RSA_PKCS1_PSS_PADDING };
    return verify("sha256", message, pss, signature);
  } catch {
    return false;
  }
}

const program = new Command()
  .requiredOption("--metadata-dir <dir>")
  .option("--metadata-url <url>")
  .option("--target-name <path>")
  .option("--target-base-url <url>")
  .option("--target-dir <dir>");
program.command("init <root>").action(async (root: string) => {
  const { metadataDir } = program.opts<Options>();
  await mkdir(metadataDir, { recursive: true });
  await save(metadataDir, pinRoot(new Uint8Array(await readFile(root))));
});
program.command("refresh").action(async () => {
  await update(program.opts<Options>(), null);
});
program.command("lookup").action(async () => {
  process.stdout.write(`${JSON.stringify(await search(program.opts<Options>()))}\n`);
});
program.command("download").action(() => downloadTarget(program.opts<Options>()));

try {
  await program.parseAsync();
} catch (error) {
  const code = error instanceof MoteError ? error.code : "MOTE_FAULT";
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${JSON.stringify({ code, message })}\n`);
  process.exitCode = 1;
}
