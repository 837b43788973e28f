import {
  ed25519Key,
  fromHex,
  keyId as idOf,
  isRotated,
  parseMetadata,
  RootSigned,
  TOP_LEVEL_ROLES,
  type TopLevelRole,
} from "@mote/protocol";
import {
  generateKey,
  nodeSha256,
  nodeVerify,
  readKeyInfo,
  type ServerKeys,
  writeServerKeys,
} from "@mote/protocol/node";
import type { Command } from "commander";
import { UsageError } from "../../errors.js";
import { LIFETIMES_DAYS, type PublicKey } from "../../release/ceremony.js";
import { signRootEnvelopeFile } from "../../release/envelopes.js";
import { type HeldKey, listKeys, openKeys } from "../../release/key-ring.js";
import { type Draft, MetadataFolder } from "../../release/metadata-folder.js";
import { passphraseAsker, passphraseSource } from "../../release/passphrase.js";
import { nextRoot, type RoleChange, signRoot } from "../../release/rotate.js";
import { checkExpiresLater, signingTimeMs } from "../../release/signing-clock.js";
import type { Io } from "../command.js";
import { days, MAX_KEYS, wholeNumber } from "../options.js";

interface RotateOptions {
  readonly keys: readonly string[];
  readonly repo: string;
  readonly role?: string;
  readonly add?: readonly string[];
  readonly remove?: readonly string[];
  readonly threshold?: string;
  readonly serverKeys?: string;
  readonly envelopes?: string;
  readonly renew?: boolean;
  readonly days: string;
  readonly expiresSooner?: boolean;
  readonly passphraseFile?: string;
}

const DEPS = { sha256: nodeSha256, verify: nodeVerify };
const ONLINE_ROLES = ["snapshot", "timestamp"] as const;

export function configureRotate(command: Command, io: Io): void {
  command
    .description("change who may sign: makes the next root, or adds your signature to one that others began")
    .requiredOption("-k, --keys <path...>", "your root key, or folders with root keys")
    .requiredOption("-r, --repo <dir>", "folder of the trust metadata")
    .option("--role <role>", "root, targets, snapshot or timestamp")
    .option("--add <key...>", "key files (their public half is read) or public keys in hex")
    .option("--remove <keyId...>", "key ids to remove, or their first characters")
    .option("--threshold <n>", "signatures that the role needs from now on")
    .option(
      "--server-keys <dir>",
      "make a new folder of server keys and name them for snapshot and timestamp",
    )
    .option("--renew", "only a new expiry")
    .option("--envelopes <dir>", "also sign the same root for MCUs, into this folder")
    .option("--days <n>", "days until the root must be signed again", String(LIFETIMES_DAYS.root))
    .option("--expires-sooner", "let it expire sooner than the root that it replaces")
    .option("--passphrase-file <file>", "passphrase of the keys (else asked, or MOTE_PASSPHRASE)")
    .addHelpText(
      "after",
      "\nExample (targets-2 was lost; the root keys' holders sign one after the other):\n  mote keys rotate --role targets --remove 51f0… --add eve.key.json --keys root-1.key.json --repo trust\n  mote keys rotate --keys root-2.key.json --repo trust\n",
    )
    .action((options: RotateOptions) => rotate(options, io));
}

async function rotate(options: RotateOptions, io: Io): Promise<void> {
  const nowMs = signingTimeMs();
  const folder = await MetadataFolder.open(options.repo);
  const current = (await folder.latestRoot()).signed;
  const fresh = options.serverKeys === undefined ? null : freshServerKeys(await hasDelegation(folder));
  const changes = await readChanges(options, current, fresh);
  const draft = await folder.draft("root");
  const document = chooseDocument(options, current, changes, draft, nowMs);
  const held: HeldKey[] = [];
  for (const path of options.keys) held.push(...(await listKeys(path)));
  const wanted = new Set([...current.roles.root.keyids, ...joining(changes)]);
  const ask = passphraseAsker(passphraseSource(options.passphraseFile));
  const signers = await openKeys(held, [...wanted], ask);
  if (signers.length === 0) {
    throw new UsageError({
      expected: "a root key, old or new",
      got: held.map(({ label }) => label).join(", "),
      todo: "A root is signed with root keys: see `mote keys show`.",
    });
  }
  const signed = signRoot(current, document, signers, DEPS);
  const { version, byOld, byNew, isComplete } = signed;
  // Not before all else is in order, so that a command that was refused can be typed again as it was.
  if (options.serverKeys !== undefined && fresh !== null) await writeServerKeys(options.serverKeys, fresh);
  const file = await folder.write("root", version, signed.bytes, isComplete);
  const named = changes.flatMap(({ add }) => add);
  await folder.noteHolders(
    named.flatMap(({ keyId, label }) => (label === undefined ? [] : [{ keyId, label }])),
  );
  const next = parseMetadata(signed.bytes, RootSigned, "root").signed;
  const envelope =
    options.envelopes === undefined
      ? null
      : await signRootEnvelopeFile(options.envelopes, next, signers, DEPS);
  io.json({ file, version, byOld, byNew, isComplete, changes: signed.changes, envelope });
  io.say(`Signed ${file}, which`);
  for (const line of signed.changes) io.say(`  ${line}`);
  io.say(
    `${byOld.signatures} of ${byOld.threshold} signatures by the keys of root version ${current.version}`,
  );
  io.say(`${byNew.signatures} of ${byNew.threshold} signatures by its own keys`);
  io.say(
    whatNext(
      isComplete,
      ONLINE_ROLES.some((role) => isRotated(current, next, role)),
    ),
  );
}

/** A server refuses a root that does not name the keys which it holds. */
function whatNext(isComplete: boolean, hasServerKeys: boolean): string {
  if (!isComplete)
    return "Hand the folder on to the next holder of a root key: `mote keys rotate --keys …` adds a signature.";
  const publish = "publish it with `mote publish --repo`, before anything that its new keys sign.";
  return hasServerKeys
    ? `Complete: start the server with its new keys (--server-keys), then ${publish}`
    : `Complete: ${publish}`;
}

function chooseDocument(
  options: RotateOptions,
  current: RootSigned,
  changes: readonly RoleChange[],
  draft: Draft | null,
  nowMs: number,
): RootSigned | Draft {
  const asksForNew = changes.length > 0 || options.renew === true;
  if (draft !== null && !asksForNew) return draft;
  if (draft !== null) {
    throw new UsageError({
      expected: `the draft of root version ${draft.version} to be finished first`,
      got: "another change",
      todo: "Sign the draft without further flags, or delete its file and begin again.",
    });
  }
  if (asksForNew) {
    const next = nextRoot(current, changes, nowMs, days("--days", options.days));
    const what = `root version ${next.version}`;
    checkExpiresLater(what, current.expires, Date.parse(next.expires), options.expiresSooner === true);
    return next;
  }
  throw new UsageError({
    expected: "a change (--role with --add, --remove or --threshold; --server-keys; --renew)",
    got: "none, and no draft to sign",
    todo: "See mote keys rotate --help.",
  });
}

async function readChanges(
  options: RotateOptions,
  current: RootSigned,
  fresh: ServerKeys | null,
): Promise<RoleChange[]> {
  const changes: RoleChange[] = [];
  const { role, add = [], remove = [], threshold } = options;
  if (role !== undefined) {
    changes.push({
      role: parseRole(role),
      add: await Promise.all(add.map(readPublicKey)),
      remove,
      ...(threshold === undefined ? {} : { threshold: wholeNumber("--threshold", threshold, 1, MAX_KEYS) }),
    });
  } else if (add.length + remove.length > 0 || threshold !== undefined) {
    throw new UsageError({
      expected: "--role beside --add, --remove and --threshold",
      got: "none",
      todo: "Say whose keys change.",
    });
  }
  if (fresh === null) return changes;
  for (const name of ["snapshot", "timestamp"] as const) {
    changes.push({ role: name, add: [fresh[name]], remove: current.roles[name].keyids, threshold: 1 });
  }
  return changes;
}

function freshServerKeys(hasTargets: boolean): ServerKeys {
  return {
    snapshot: generateKey(),
    timestamp: generateKey(),
    targets: hasTargets ? generateKey() : null,
  };
}

async function hasDelegation(folder: MetadataFolder): Promise<boolean> {
  return ((await folder.latestTargets()).signed.delegations?.roles ?? []).length > 0;
}

function joining(changes: readonly RoleChange[]): string[] {
  return changes.filter(({ role }) => role === "root").flatMap(({ add }) => add.map(({ keyId: id }) => id));
}

function parseRole(text: string): TopLevelRole {
  const role = TOP_LEVEL_ROLES.find((candidate) => candidate === text);
  if (role !== undefined) return role;
  throw new UsageError({
    expected: `--role ${TOP_LEVEL_ROLES.join(", ")}`,
    got: text,
    todo: "Correct the flag.",
  });
}

async function readPublicKey(text: string): Promise<PublicKey> {
  if (!/^[0-9a-f]{64}$/.test(text)) return readKeyInfo(text);
  const publicKey = fromHex(text);
  return { publicKey, keyId: idOf(ed25519Key(publicKey), nodeSha256) };
}
