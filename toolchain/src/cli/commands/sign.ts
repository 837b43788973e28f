import { readFile } from "node:fs/promises";
import { type Bundle, parseMetadata, TargetsSigned, unpackBundle } from "@mote/protocol";
import { nodeSha256, nodeVerify, readServerKeys } from "@mote/protocol/node";
import { FileError, UsageError } from "../../errors.js";
import { delegationTo, LIFETIMES_DAYS } from "../../release/ceremony.js";
import { signEnvelopes } from "../../release/envelopes.js";
import { listKeys, openKeys } from "../../release/key-ring.js";
import { MetadataFolder } from "../../release/metadata-folder.js";
import { passphraseAsker, passphraseSource } from "../../release/passphrase.js";
import { signTargets, type TargetsChange, targetOf } from "../../release/sign-release.js";
import { signingTimeMs } from "../../release/signing-clock.js";
import type { CliCommand, Io } from "../command.js";
import { days } from "../options.js";

interface SignOptions {
  readonly keys: string;
  readonly repo?: string;
  readonly raiseFloor?: readonly string[];
  readonly renew?: boolean;
  readonly delegate?: string;
  readonly targetsDays: string;
  readonly expiresSooner?: boolean;
  readonly passphraseFile?: string;
  readonly endDelegation?: boolean;
  readonly envelopes?: string;
}

const DEPS = { sha256: nodeSha256, verify: nodeVerify };

export const command: CliCommand = {
  name: "sign",
  summary: "sign a release offline: adds it to the targets metadata, one person at a time",
  configure(command, io) {
    command
      .argument("[bundle]", "bundle to sign")
      .requiredOption("-k, --keys <path>", "folder with your key files, or one key file")
      .option("-r, --repo <dir>", "folder of the trust metadata (default: the keys' folder)")
      .option(
        "--raise-floor <product=sequence...>",
        "retire all releases of a product below this sequence, for good",
      )
      .option("--renew", "sign what is there again, for a new expiry; or join a draft that others began")
      .option("--delegate <dir>", "let the server that holds this folder's keys sign releases (server mode)")
      .option("--end-delegation", "let no server sign releases any more (offline mode)")
      .option("--envelopes <dir>", "also sign an envelope per MCU class of the bundle, into this folder")
      .option(
        "--targets-days <n>",
        "days until the targets must be signed again",
        String(LIFETIMES_DAYS.targets),
      )
      .option("--expires-sooner", "let it expire sooner than the targets that it replaces")
      .option("--passphrase-file <file>", "passphrase of the keys (else asked, or MOTE_PASSPHRASE)")
      .addHelpText(
        "after",
        "\nExample (each person in turn, handing on the folder trust/metadata):\n  mote sign reader-1.0.0.bundle --keys ada.key.json --repo trust\n",
      )
      .action((bundlePath: string | undefined, options: SignOptions) => sign(bundlePath, options, io));
  },
};

async function sign(bundlePath: string | undefined, options: SignOptions, io: Io): Promise<void> {
  const bundle = bundlePath === undefined ? null : unpackBundle(await readBundleFile(bundlePath), nodeSha256);
  const nowMs = signingTimeMs();
  const change = await readChange(bundle, options);
  const folder = await MetadataFolder.open(options.repo ?? options.keys);
  const root = (await folder.latestRoot()).signed;
  const held = await listKeys(options.keys);
  const ask = passphraseAsker(passphraseSource(options.passphraseFile));
  const signers = await openKeys(held, root.roles.targets.keyids, ask);
  if (signers.length === 0) {
    throw new UsageError({
      expected: "a key that the root names for targets",
      got: `${held.map(({ label }) => label).join(", ")}, none of which it names`,
      todo: "Use your targets key, or add this one with `mote keys rotate`.",
    });
  }
  const signed = signTargets({
    root,
    complete: (await folder.latestTargets()).signed,
    draft: await folder.draft("targets"),
    change,
    signers,
    nowMs,
    expiresMs: nowMs + days("--targets-days", options.targetsDays) * 86_400_000,
    mayExpireSooner: options.expiresSooner === true,
    deps: DEPS,
  });
  const { version, signatures, threshold, isComplete, changes } = signed;
  const file = await folder.write("targets", version, signed.bytes, isComplete);
  const target = change.add?.path ?? null;
  const envelopes =
    options.envelopes === undefined || bundle === null
      ? []
      : await signEnvelopes({
          bundle,
          root,
          targets: parseMetadata(signed.bytes, TargetsSigned, "targets").signed,
          signers,
          folder: options.envelopes,
          nowMs,
          deps: DEPS,
        });
  io.json({ file, version, target, signatures, threshold, isComplete, changes, envelopes });
  io.say(`Signed ${file}, which`);
  for (const line of changes) io.say(`  ${line}`);
  for (const envelope of envelopes)
    io.say(`and ${envelope.file} (${envelope.bytes} B) for ${envelope.hardware}`);
  const next = isComplete ? "ready for mote publish" : "hand the folder on to the next person";
  io.say(`${signatures} of ${threshold} signatures: ${next}.`);
}

async function readChange(bundle: Bundle | null, options: SignOptions): Promise<TargetsChange> {
  const floors = Object.fromEntries((options.raiseFloor ?? []).map(parseFloor));
  const delegations = await readDelegation(options);
  const change = { floors, ...(delegations === undefined ? {} : { delegations }) };
  if (bundle !== null) return { ...change, add: targetOf(bundle, DEPS) };
  const isSomething = options.raiseFloor !== undefined || delegations !== undefined || options.renew === true;
  if (isSomething) return change;
  throw new UsageError({
    expected: "a bundle, --raise-floor, --renew, --delegate or --end-delegation",
    got: "none of them",
    todo: "See mote sign --help.",
  });
}

async function readDelegation(options: SignOptions): Promise<TargetsChange["delegations"]> {
  if (options.endDelegation === true) return null;
  if (options.delegate === undefined) return undefined;
  const { targets } = await readServerKeys(options.delegate);
  if (targets !== null) return delegationTo(targets);
  throw new UsageError({
    expected: `a targets key in ${options.delegate}`,
    got: "only snapshot and timestamp keys",
    todo: "Make the server's keys with `mote keys init --mode server` or `mote keys rotate --server-keys`.",
  });
}

export async function readBundleFile(path: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (cause) {
    throw new FileError({
      expected: `a bundle at ${path}`,
      got: "nothing readable",
      todo: "Make one with `mote bundle create`.",
      cause,
    });
  }
}

function parseFloor(text: string): [string, number] {
  const match = /^([a-z0-9][a-z0-9._-]*)=(\d+)$/.exec(text);
  if (match !== null) return [match[1]!, Number(match[2])];
  throw new UsageError({
    expected: "--raise-floor product=sequence",
    got: text,
    todo: "For instance --raise-floor meter-reader=3.",
  });
}
