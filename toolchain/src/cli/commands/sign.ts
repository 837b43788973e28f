import { readFile } from "node:fs/promises";
import { parseMetadata, TargetsSigned, unpackBundle } from "@mote/protocol";
import { nodeSha256, nodeVerify } from "@mote/protocol/node";
import { FileError, UsageError } from "../../errors.js";
import { LIFETIMES_DAYS } from "../../release/ceremony.js";
import { newestCompleteTargets } from "../../release/complete.js";
import { listKeys, openKeys } from "../../release/key-ring.js";
import { MetadataFolder } from "../../release/metadata-folder.js";
import { passphraseAsker } from "../../release/passphrase.js";
import { describeChange, signTargets, type TargetsChange, targetOf } from "../../release/sign-release.js";
import type { CliCommand } from "../command.js";
import { passphraseSource } from "./keys.js";

interface SignOptions {
  readonly keys: string;
  readonly repo?: string;
  readonly raiseFloor?: readonly string[];
  readonly targetsDays: string;
  readonly passphraseFile?: string;
}

const DEPS = { sha256: nodeSha256, verify: nodeVerify };

export const command: CliCommand = {
  name: "sign",
  summary: "sign a release offline: adds it to the targets metadata, one person at a time",
  configure(command, io) {
    command
      .argument("[bundle]", "bundle to sign; may be left out with --raise-floor")
      .requiredOption("-k, --keys <path>", "folder with your key files, or one key file")
      .option("-r, --repo <dir>", "folder of the trust metadata (default: the keys' folder)")
      .option(
        "--raise-floor <product=sequence...>",
        "retire all releases of a product below this sequence, for good",
      )
      .option(
        "--targets-days <n>",
        "days until the targets must be signed again",
        String(LIFETIMES_DAYS.targets),
      )
      .option("--passphrase-file <file>", "passphrase of the keys (else asked, or MOTE_PASSPHRASE)")
      .addHelpText(
        "after",
        "\nExample (each person in turn, handing on the folder trust/metadata):\n  mote sign reader-1.0.0.bundle --keys ada.key.json --repo trust\n",
      )
      .action(async (bundlePath: string | undefined, options: SignOptions) => {
        const change = await readChange(bundlePath, options.raiseFloor ?? []);
        const folder = await MetadataFolder.open(options.repo ?? options.keys);
        const root = (await folder.latestRoot()).signed;
        const bytes = await folder.latest("targets");
        const parsed = parseMetadata(bytes, TargetsSigned, "targets");
        const held = await listKeys(options.keys);
        const signers = await openKeys(
          held,
          root.roles.targets.keyids,
          passphraseAsker(passphraseSource(options.passphraseFile)),
        );
        if (signers.length === 0) {
          throw new UsageError({
            expected: "a key that the root names for targets",
            got: `${held.map(({ label }) => label).join(", ")}, none of which it names`,
            todo: "Use your targets key, or add this one with `mote keys rotate`.",
          });
        }
        const signed = signTargets({
          root,
          current: { bytes, parsed },
          change,
          signers,
          expiresMs: Date.now() + Number(options.targetsDays) * 86_400_000,
          deps: DEPS,
        });
        const file = await folder.write("targets", signed.version, signed.bytes);
        const isComplete = signed.signatures >= signed.threshold;
        const after = parseMetadata(signed.bytes, TargetsSigned, "targets").signed;
        const changes = describeChange(
          (await newestCompleteTargets(folder, signed.version)) ?? parsed.signed,
          after,
        );
        io.json({
          file,
          version: signed.version,
          target: change.add?.path ?? null,
          signatures: signed.signatures,
          threshold: signed.threshold,
          isComplete,
          changes,
        });
        io.say(`Signed ${file}, which`);
        for (const line of changes) io.say(`  ${line}`);
        io.say(
          isComplete
            ? `${signed.signatures} of ${signed.threshold} signatures: ready for mote publish.`
            : `${signed.signatures} of ${signed.threshold} signatures: hand the folder on to the next person.`,
        );
      });
  },
};

async function readChange(
  bundlePath: string | undefined,
  raiseFloor: readonly string[],
): Promise<TargetsChange> {
  const floors = Object.fromEntries(raiseFloor.map(parseFloor));
  if (bundlePath === undefined) {
    if (raiseFloor.length > 0) return { floors };
    throw new UsageError({
      expected: "a bundle or --raise-floor",
      got: "neither",
      todo: "See mote sign --help.",
    });
  }
  const bundle = unpackBundle(await readBundleFile(bundlePath), nodeSha256);
  return { add: targetOf(bundle, DEPS), floors };
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
