import { stat } from "node:fs/promises";
import { FLOORS_MEMBER, judgeExpiry, KeyFileError, type RoleKeys, toHex } from "@mote/protocol";
import { generateKey, writeKeyFile } from "@mote/protocol/node";
import type { Command } from "commander";
import { type HeldKey, listKeys } from "../../release/key-ring.js";
import { MetadataFolder } from "../../release/metadata-folder.js";
import { newPassphrase, passphraseSource } from "../../release/passphrase.js";
import type { Io } from "../command.js";

interface AddOptions {
  readonly out: string;
  readonly label: string;
  readonly passphrase: boolean;
  readonly passphraseFile?: string;
}

export function configureAdd(command: Command, io: Io): void {
  command
    .description("make one person's key; it counts once `mote keys rotate --add` names it")
    .requiredOption("-o, --out <file>", "new key file, such as ada.key.json")
    .requiredOption("-l, --label <name>", "whose key it is")
    .option("--passphrase-file <file>", "passphrase (else asked, or MOTE_PASSPHRASE)")
    .option("--no-passphrase", "leave the key unencrypted on the disk: for tests and demonstrations")
    .addHelpText("after", "\nExample:\n  mote keys add --label ada --out ada.key.json\n")
    .action(async (options: AddOptions) => {
      const key = generateKey();
      const { label, out } = options;
      const protection = options.passphrase
        ? { passphrase: await newPassphrase(passphraseSource(options.passphraseFile), label) }
        : ({ unencrypted: true } as const);
      await writeKeyFile(out, key, { label, protection });
      const publicKey = toHex(key.publicKey);
      io.json({ file: out, label, keyId: key.keyId, publicKey });
      io.say(`${out}\nkey id      ${key.keyId}\npublic key  ${publicKey}`);
      io.say("Give the public key to whoever holds the root keys; keep the file to yourself.");
    });
}

/** Their expiry is the server's affair; what the folder knows is who may sign them, and that follows the root. */
const ONLINE_ROLES: ReadonlySet<string> = new Set(["snapshot", "timestamp"]);

interface RoleView {
  readonly role: string;
  readonly version: number;
  readonly expires: string;
  readonly expiry: string;
  readonly threshold: number;
  readonly keyIds: readonly string[];
}

interface TrustView {
  readonly roles: readonly RoleView[];
  readonly drafts: readonly string[];
  readonly floors: Readonly<Record<string, number>>;
  /** Labels by key id. */
  readonly holders: Readonly<Record<string, string>>;
}

export function configureShow(command: Command, io: Io): void {
  command
    .description("show key files, and who may sign what until when")
    .argument("<path>", "key file, folder of key files, or folder of trust metadata")
    .addHelpText("after", "\nExample:\n  mote keys show trust\n")
    .action(async (path: string) => {
      const keys = await keysAt(path);
      const trust = await trustAt(path);
      if (keys.length === 0 && trust === null) throw nothingAt(path);
      io.json({
        keys: keys.map(({ publicKey, ...key }) => ({ ...key, publicKey: toHex(publicKey) })),
        ...trust,
      });
      for (const { label, keyId, isEncrypted, file } of keys) {
        io.say(`${label.padEnd(12)} ${keyId}  ${isEncrypted ? "encrypted" : "UNENCRYPTED"}  ${file}`);
      }
      for (const { role, version, expires, expiry, threshold, keyIds } of trust?.roles ?? []) {
        const warning =
          expiry === "fine" ? "" : expiry === "soon" ? "  EXPIRES SOON: sign again" : "  EXPIRED";
        const who = `${threshold} of ${keyIds.length}`;
        io.say(
          ONLINE_ROLES.has(role)
            ? `${role.padEnd(12)} ${who}, signed by the server again and again`
            : `${role.padEnd(12)} version ${version}, ${who}, until ${expires}${warning}`,
        );
        for (const id of keyIds) {
          const label = keys.find(({ keyId }) => keyId === id)?.label ?? trust?.holders[id];
          io.say(`             ${id}${label === undefined ? "" : `  (${label})`}`);
        }
      }
      for (const draft of trust?.drafts ?? []) io.say(`${draft} still gathers signatures.`);
      for (const [product, floor] of Object.entries(trust?.floors ?? {}))
        io.say(`floor of ${product}: ${floor}`);
    });
}

async function keysAt(path: string): Promise<HeldKey[]> {
  try {
    return await listKeys(path);
  } catch (error) {
    // A folder of metadata alone has no keys; a broken key file is told.
    if (error instanceof KeyFileError && error.got === "none") return [];
    throw error;
  }
}

async function trustAt(path: string): Promise<TrustView | null> {
  if (!(await stat(path).catch(() => null))?.isDirectory()) return null;
  const folder = await MetadataFolder.open(path).catch(() => null);
  if (folder === null) return null;
  const root = (await folder.latestRoot()).signed;
  const targets = (await folder.latestTargets()).signed;
  const nowMs = Date.now();
  const view = (role: string, of: { version: number; expires: string }, keys: RoleKeys): RoleView => ({
    role,
    version: of.version,
    expires: of.expires,
    expiry: judgeExpiry(of.expires, nowMs),
    threshold: keys.threshold,
    keyIds: keys.keyids,
  });
  const roles = [view("root", root, root.roles.root), view("targets", targets, root.roles.targets)];
  for (const role of targets.delegations?.roles ?? []) roles.push(view(role.name, targets, role));
  for (const role of ["snapshot", "timestamp"] as const) roles.push(view(role, root, root.roles[role]));
  const drafts: string[] = [];
  for (const role of ["root", "targets"]) {
    const draft = await folder.draft(role);
    if (draft !== null) drafts.push(`${role} version ${draft.version}`);
  }
  return { roles, drafts, floors: targets[FLOORS_MEMBER] ?? {}, holders: await folder.holders() };
}

function nothingAt(path: string): KeyFileError {
  return new KeyFileError({
    expected: `key files or trust metadata at ${path}`,
    got: "neither",
    todo: "Name the folder that `mote keys init --out` made.",
  });
}
