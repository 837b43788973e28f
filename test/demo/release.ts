import { join } from "node:path";
import type { Manifest } from "@mote/protocol";
import { HARDWARE } from "./agents.js";
import { PRODUCT } from "./fleet.js";
import type { Journal } from "./journal.js";
import { type Data, mote } from "./model.js";

/** The release manager's half of the story: keys that the server never sees, and two signatures a release. */

export interface Trust {
  readonly folder: string;
  /** Pinned on every device at enrolment. */
  readonly rootFile: string;
  readonly serverKeys: string;
}

export async function makeKeys(journal: Journal, work: string): Promise<Trust> {
  const folder = join(work, "trust");
  const { document } = await mote<{ rootFile: string; serverKeys: string; keys: { label: string }[] }>(
    journal,
    [
      "keys",
      "init",
      "--out",
      folder,
      "--mode",
      "offline",
      "--targets-threshold",
      "2",
      "--targets-keys",
      "2",
      "--no-passphrase",
    ],
  );
  journal.say("a release needs two people's signatures; the server gets freshness keys only");
  return { folder, rootFile: document.rootFile, serverKeys: document.serverKeys };
}

export interface ReleaseInput {
  readonly version: string;
  readonly sequence: number;
  /** Quantized model that gateways run. */
  readonly model: string;
  /** Folder of `mote compile` for the microcontroller. */
  readonly compiled: string;
  readonly sourceModel: string;
  readonly recipe: string;
  readonly parent?: string;
}

export interface Release {
  readonly bundle: string;
  readonly manifest: Manifest;
  /** Bytes of the gateway variant's artifact. */
  readonly modelBytes: number;
}

export async function makeRelease(
  journal: Journal,
  work: string,
  data: Data,
  input: ReleaseInput,
): Promise<Release> {
  const bundle = join(work, `${PRODUCT}-${input.version}.bundle`);
  const args = [
    "bundle",
    "create",
    "--name",
    PRODUCT,
    "--version",
    input.version,
    "--sequence",
    String(input.sequence),
    "--labels",
    "0,1,2,3,4,5,6,7,8,9",
    "--variant",
    `id=gateway,model=${input.model},hardware=${HARDWARE}`,
    `id=mcu,model=${input.model},compiled=${input.compiled},hardware=camera-mcu`,
    "--golden-data",
    data.calibration,
    "--reference-data",
    data.calibration,
    "--test-data",
    data.test,
    "--probation-inferences",
    "20",
    "--probation-s",
    "1",
    "--min-confidence",
    "0.5",
    "--source-model",
    input.sourceModel,
    "--recipe",
    input.recipe,
    "-o",
    bundle,
  ];
  if (input.parent !== undefined) args.push("--parent", input.parent);
  const { document } = await mote<{ manifest: Manifest; bytes: number }>(journal, args);
  const gateway = document.manifest.variants.find((variant) => variant.id === "gateway");
  return { bundle, manifest: document.manifest, modelBytes: gateway?.artifact.length ?? 0 };
}

/** Two people sign, one after the other; only then does the server get to see it. */
export async function signAndPublish(
  journal: Journal,
  trust: Trust,
  release: Release,
  server: string,
  tokenFile: string,
): Promise<void> {
  for (const person of ["targets-1", "targets-2"]) {
    await mote(journal, [
      "sign",
      release.bundle,
      "--keys",
      join(trust.folder, `${person}.key.json`),
      "--repo",
      trust.folder,
    ]);
  }
  await mote(journal, [
    "publish",
    release.bundle,
    "--server",
    server,
    "--token-file",
    tokenFile,
    "--repo",
    trust.folder,
  ]);
}
