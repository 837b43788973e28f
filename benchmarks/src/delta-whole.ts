import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { encodeContent } from "@mote/ota-server/dist/http/contentCoding.js";
import {
  type ArtifactRef,
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

/** Bytes of one part of an update. */
export interface Part {
  readonly name: string;
  readonly bytes: number;
  /** As the server sends it to a device that fetches with Node or a browser, compressed where that pays. */
  readonly sent: number;
}

/** Every byte of one update that a device asks for, HTTP's own headers left out. */
export interface WholeUpdate {
  readonly device: string;
  /** Signed metadata, manifest, golden vectors and patch, or the envelope of a microcontroller in place of the first two. */
  readonly parts: readonly Part[];
  readonly sent: number;
  readonly codec: string;
  /** Inputs of the golden vectors, which a device that holds the old release has. */
  readonly goldenInputs: Part;
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
  const file = (name: string): Uint8Array => repository.files.get(name)!;
  const signed = [
    await overHttp("timestamp", file("timestamp.json")),
    await overHttp("snapshot", file(`${repository.snapshotVersion}.snapshot.json`)),
    await overHttp("targets", file(`${repository.targetsVersion}.targets.json`)),
    await overHttp("manifest", releases[1].manifestBytes),
  ];
  return withArtifacts("gateway, over TUF", releases, "gateway", signed, overHttp);
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
  const signed = { name: "envelope", bytes: envelope!.bytes, sent: envelope!.bytes };
  return withArtifacts("Cortex-M4, by envelope", releases, "mcu", [signed], asItIs);
}

type Sending = (name: string, bytes: Uint8Array) => Promise<Part>;

const overHttp: Sending = async (name, bytes) => {
  const coded = await encodeContent(bytes, "br");
  return { name, bytes: bytes.length, sent: Math.min(bytes.length, coded.length) };
};

const asItIs: Sending = async (name, { length }) => ({ name, bytes: length, sent: length });

async function withArtifacts(
  device: string,
  [old, next]: Releases,
  id: string,
  signed: readonly Part[],
  sending: Sending,
): Promise<WholeUpdate> {
  const variantOf = ({ manifest: { variants } }: Bundle): Variant =>
    variants.find((variant) => variant.id === id)!;
  const [before, after] = [variantOf(old), variantOf(next)];
  const bytesOf = (bundle: Bundle, { sha256 }: ArtifactRef): Uint8Array => bundle.artifacts.get(sha256)!;
  const codecs = id === "mcu" ? (["full", "tensor"] as const) : (["full", "tensor", "bsdiff"] as const);
  const artifact = bytesOf(next, after.artifact);
  // As the server makes it: by the layout of parameters that lies in the bundle.
  const [smallest] = await makePatches(bytesOf(old, before.artifact), artifact, codecs, next.layouts);
  const goldenInputs = await sending("golden inputs", bytesOf(next, after.golden.inputs));
  const areHeld = after.golden.inputs.sha256 === before.golden.inputs.sha256;
  const parts = [
    ...signed,
    ...(areHeld ? [] : [goldenInputs]),
    await sending("golden outputs", bytesOf(next, after.golden.outputs)),
    await asItIs("patch", smallest!.patch),
  ];
  return {
    device,
    parts,
    sent: parts.reduce((sum, part) => sum + part.sent, 0),
    codec: smallest!.codec,
    goldenInputs,
    artifact: artifact.length,
  };
}

export function renderWhole(rows: readonly WholeUpdate[]): string {
  const shown = ({ name, bytes, sent }: Part): string =>
    sent === bytes ? `${name} ${bytes}` : `${name} ${sent} (of ${bytes})`;
  return rows
    .map(
      ({ device, parts, sent, codec, goldenInputs, artifact }) =>
        `whole update, ${device}: ${parts.map(shown).join(" + ")} (${codec}) = ${sent} B; where the inputs changed: ${shown(goldenInputs)} more; the artifact is ${artifact} B`,
    )
    .join("\n");
}
