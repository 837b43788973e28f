import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import {
  type Bundle,
  parseMetadata,
  RootSigned,
  TargetsSigned,
  unpackBundle,
  type Variant,
} from "@mote/protocol";
import { makePatches, nodeSha256, nodeVerify, TestRepository } from "@mote/protocol/node";
import { writeModel } from "@mote/toolchain/formats/index";
import type { Graph } from "@mote/toolchain/graph/graph";
import { createBundle } from "@mote/toolchain/release/create-bundle";
import { signEnvelopes } from "@mote/toolchain/release/envelopes";
import { targetOf } from "@mote/toolchain/release/sign-release";

const MOTE = resolve(import.meta.dirname, "../../toolchain/dist/cli/main.js");
const DEPS = { sha256: nodeSha256, verify: nodeVerify };
/** Of a patch: magic, digests and lengths. */
const HEADER_BYTES = 80;

/** Every byte of one update that a device asks for, HTTP's own headers left out. */
export interface WholeUpdate {
  readonly device: string;
  /** timestamp, snapshot and targets; or the envelope of a microcontroller. */
  readonly metadata: Readonly<Record<string, number>>;
  readonly manifest: number;
  readonly golden: number;
  /** What they would take as a patch of those that the device holds; they are sent whole. */
  readonly goldenPatch: number;
  readonly patch: number;
  /** Of the patch. */
  readonly patchHeader: number;
  readonly codec: string;
  readonly total: number;
  /** What the artifact alone would be, uncompressed. */
  readonly artifact: number;
}

/**
 * Makes, packs and signs two releases as a person would (two of three targets keys) and adds up what a gateway with the
 * first one fetches for the second, and what a Cortex-M4 does. `goldenData`: samples for the golden vectors.
 */
export async function measureWhole(old: Graph, next: Graph, goldenData: string): Promise<WholeUpdate[]> {
  const folder = await mkdtemp(join(tmpdir(), "mote-whole-"));
  try {
    const releases = [
      await release(folder, old, "1.0.0", 1, goldenData),
      await release(folder, next, "1.1.0", 2, goldenData),
    ] as const;
    const repository = new TestRepository();
    for (const bundle of releases) {
      const { path, file } = targetOf(bundle, DEPS);
      repository.targets = { ...repository.targets, [path]: file };
    }
    repository.publish();
    return [await gateway(releases, repository), await microcontroller(releases, repository, folder)];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function release(
  folder: string,
  graph: Graph,
  version: string,
  sequence: number,
  goldenData: string,
): Promise<Bundle> {
  const model = join(folder, `${version}.onnx`);
  const compiled = join(folder, version);
  await writeModel(graph, model);
  await promisify(execFile)(process.execPath, [
    MOTE,
    "compile",
    model,
    "--target",
    "cortex-m4f",
    "-o",
    compiled,
  ]);
  const { file } = await createBundle(
    {
      name: "meter-reader",
      version,
      sequence,
      labels: Array.from({ length: 10 }, (_, digit) => String(digit)),
      variants: [
        { id: "gateway", model, hardware: ["gateway"] },
        { id: "mcu", model, compiled, hardware: ["cortex-m4"] },
      ],
      golden: { data: goldenData },
      reference: { data: goldenData },
      modelCard: { summary: "Reads one digit.", intendedUse: "Utility meters.", limitations: "No letters." },
    },
    "mote",
  );
  return unpackBundle(file, nodeSha256);
}

type Releases = readonly [Bundle, Bundle];

async function gateway(releases: Releases, repository: TestRepository): Promise<WholeUpdate> {
  const file = (name: string): number => repository.files.get(name)!.length;
  const metadata = {
    timestamp: file("timestamp.json"),
    snapshot: file(`${repository.snapshotVersion}.snapshot.json`),
    targets: file(`${repository.targetsVersion}.targets.json`),
  };
  return withArtifacts("gateway, over TUF", releases, "gateway", metadata, releases[1].manifestBytes.length);
}

async function microcontroller(
  releases: Releases,
  repository: TestRepository,
  folder: string,
): Promise<WholeUpdate> {
  const file = (name: string): Uint8Array => repository.files.get(name)!;
  const { signed: root } = parseMetadata(file("1.root.json"), RootSigned, "root");
  const { signed: targets } = parseMetadata(
    file(`${repository.targetsVersion}.targets.json`),
    TargetsSigned,
    "targets",
  );
  const [envelope] = await signEnvelopes({
    bundle: releases[1],
    root,
    targets,
    signers: repository.roles.targets.keys.slice(0, 2),
    folder: join(folder, "envelopes"),
    nowMs: repository.nowMs,
    deps: DEPS,
  });
  return withArtifacts("Cortex-M4, by envelope", releases, "mcu", { envelope: envelope!.bytes }, 0);
}

async function withArtifacts(
  device: string,
  [old, next]: Releases,
  id: string,
  metadata: Readonly<Record<string, number>>,
  manifest: number,
): Promise<WholeUpdate> {
  const variantOf = ({ manifest: { variants } }: Bundle): Variant =>
    variants.find((variant) => variant.id === id)!;
  const bytesOf = (bundle: Bundle): Uint8Array => bundle.artifacts.get(variantOf(bundle).artifact.sha256)!;
  const codecs = id === "mcu" ? (["full", "tensor"] as const) : (["full", "tensor", "bsdiff"] as const);
  const [smallest] = await makePatches(bytesOf(old), bytesOf(next), codecs);
  const goldenOf = (bundle: Bundle): Uint8Array =>
    bundle.artifacts.get(variantOf(bundle).golden.artifact.sha256)!;
  const golden = goldenOf(next).length;
  const [goldenPatch] = await makePatches(goldenOf(old), goldenOf(next), codecs);
  const patch = smallest!.patch.length;
  const signed = Object.values(metadata).reduce((sum, bytes) => sum + bytes, 0);
  return {
    device,
    metadata,
    manifest,
    golden,
    goldenPatch: goldenPatch!.patch.length,
    patch,
    patchHeader: HEADER_BYTES,
    codec: smallest!.codec,
    total: signed + manifest + golden + patch,
    artifact: bytesOf(next).length,
  };
}

export function renderWhole(rows: readonly WholeUpdate[]): string {
  return rows
    .map(({ device, metadata, manifest, golden, goldenPatch, patch, codec, total, artifact }) => {
      const signed = Object.entries(metadata).map(([name, bytes]) => `${name} ${bytes}`);
      const parts = [
        ...signed,
        ...(manifest > 0 ? [`manifest ${manifest}`] : []),
        `golden vectors ${golden} (${goldenPatch} as a patch)`,
      ];
      return `whole update, ${device}: ${parts.join(" + ")} + patch ${patch} (${codec}) = ${total} B; the artifact is ${artifact} B`;
    })
    .join("\n");
}
