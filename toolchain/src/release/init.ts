import { join } from "node:path";
import { parseMetadata, RootSigned } from "@mote/protocol";
import {
  generateKey,
  type KeyProtection,
  makeFolder,
  nodeSha256,
  nodeVerify,
  type SigningKey,
  writeKeyFile,
  writeServerKeys,
} from "@mote/protocol/node";
import { firstMetadata, type RoleMembers } from "./ceremony.js";
import { signRootEnvelopeFile } from "./envelopes.js";
import { MetadataFolder } from "./metadata-folder.js";

export type TrustMode = "offline" | "server";

export interface InitRequest {
  readonly out: string;
  readonly mode: TrustMode;
  readonly root: { readonly count: number; readonly threshold: number };
  readonly targets: { readonly count: number; readonly threshold: number };
  readonly rootDays: number;
  readonly targetsDays: number;
  readonly nowMs: number;
  /** Called once per person's key. */
  protectionFor(label: string): Promise<KeyProtection>;
}

export interface InitResult {
  readonly keys: readonly { label: string; keyId: string; file: string }[];
  readonly rootFile: string;
  /** The same root for MCUs, to be flashed with their firmware. */
  readonly rootEnvelope: string;
  readonly targetsFile: string;
  readonly serverKeys: string;
}

/**
 * Makes every key and the first metadata in one folder:
 *
 * - `root-1.key.json` …, `targets-1.key.json` …: people's keys, to be carried apart;
 * - `server-keys/`: all that the server gets;
 * - `metadata/`: 1.root.json (the file that devices are enrolled with) and root-1.cose (the same for MCUs),
 *   1.targets.json, holders.json (whose key is which) and, in server mode, the first metadata of the server's role.
 */
export async function initTrust(request: InitRequest): Promise<InitResult> {
  await makeFolder(request.out, 0o700);
  const named = (role: string, count: number) =>
    Array.from({ length: count }, (_, i) => ({ label: `${role}-${i + 1}`, key: generateKey() }));
  const root = named("root", request.root.count);
  const targets = named("targets", request.targets.count);
  const server = {
    snapshot: generateKey(),
    timestamp: generateKey(),
    targets: request.mode === "server" ? generateKey() : null,
  };
  const keys: { label: string; keyId: string; file: string }[] = [];
  for (const { label, key } of [...root, ...targets]) {
    const file = join(request.out, `${label}.key.json`);
    await writeKeyFile(file, key, { label, protection: await request.protectionFor(label) });
    keys.push({ label, keyId: key.keyId, file });
  }
  const serverKeys = join(request.out, "server-keys");
  await writeServerKeys(serverKeys, server);

  const members = (held: readonly { key: SigningKey }[], threshold: number): RoleMembers => ({
    publicKeys: held.map(({ key }) => key),
    threshold,
  });
  const first = firstMetadata({
    roles: {
      root: members(root, request.root.threshold),
      targets: members(targets, request.targets.threshold),
      snapshot: { publicKeys: [server.snapshot], threshold: 1 },
      timestamp: { publicKeys: [server.timestamp], threshold: 1 },
    },
    server: server.targets,
    serverSigner: server.targets,
    rootSigners: root.map(({ key }) => key),
    targetsSigners: targets.map(({ key }) => key),
    nowMs: request.nowMs,
    rootDays: request.rootDays,
    targetsDays: request.targetsDays,
  });
  const folder = await MetadataFolder.create(join(request.out, "metadata"));
  await folder.noteHolders(keys);
  const rootFile = await folder.write("root", 1, first.root);
  const targetsFile = await folder.write("targets", 1, first.targets);
  if (first.server !== null) await folder.write("server", 1, first.server);
  const signedRoot = parseMetadata(first.root, RootSigned, "root").signed;
  const rootSigners = root.map(({ key }) => key);
  const envelope = await signRootEnvelopeFile(folder.path, signedRoot, rootSigners, {
    sha256: nodeSha256,
    verify: nodeVerify,
  });
  for (const { key } of [...root, ...targets]) key.seed.fill(0);
  return { keys, rootFile, rootEnvelope: envelope, targetsFile, serverKeys };
}
