import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import {
  canonicalManifest,
  exampleManifest,
  findTarget,
  judgeManifest,
  judgeReleaseEnvelope,
  type Manifest,
  pinRoot,
  pinRootEnvelope,
  type ReleaseEnvelope,
  refresh,
  signReleaseEnvelope,
  signRootEnvelope,
  type TargetFile,
  targetPath,
  toHex,
  trustStateToJson,
  type VerifyEd25519,
} from "@mote/protocol";
import { naclVerify, nodeSha256, nodeVerify, TestRepository } from "@mote/protocol/node";
import { Updater } from "tuf-js";
import { buildShims, canMeasureShims, measureJob } from "./shims-jobs.js";

/**
 * npm run bench:verify: what a device pays to know that a release may be taken, in time and bytes. TUF metadata and
 * manifest with node:crypto and with tweetnacl beside npm's own client (tuf-js), all over HTTP and with what they learned
 * written to disk; the MCU's envelope in Node and on the emulated Cortex-M4. Prints tables, writes results/verify.json.
 */

const RESULTS = resolve(import.meta.dirname, "../results/verify.json");
const FLEETS = [1, 50, 200];
const ROUNDS = 15;

interface Row {
  readonly releases: number;
  readonly client: string;
  readonly medianMs: number;
  readonly rawMs: readonly number[];
  /** Of all metadata and, where the client reads it, the manifest. */
  readonly bytes: number;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
const round = (value: number): number => Math.round(value * 1000) / 1000;

function targetOf(manifest: Manifest): TargetFile {
  const bytes = canonicalManifest(manifest);
  return {
    length: bytes.length,
    hashes: { sha256: toHex(nodeSha256(bytes)) },
    custom: {
      name: manifest.name,
      version: manifest.version,
      sequence: manifest.sequence,
      hardware: manifest.variants.flatMap(({ hardware }) => hardware),
    },
  };
}

/** A repository of so many releases, by two of three people, valid today. */
function repositoryOf(releases: number): { repository: TestRepository; newest: Manifest } {
  const repository = new TestRepository();
  repository.nowMs = Date.now();
  const manifests = Array.from({ length: releases }, (_, i) =>
    exampleManifest({ version: `${i + 1}.0.0`, sequence: i + 1 }),
  );
  repository.targets = Object.fromEntries(
    manifests.map((manifest) => [targetPath(manifest.name, manifest.version), targetOf(manifest)]),
  );
  repository.publish();
  return { repository, newest: manifests.at(-1)! };
}

async function measureFleet(releases: number, folder: string): Promise<Row[]> {
  const { repository, newest } = repositoryOf(releases);
  const manifestBytes = canonicalManifest(newest);
  const path = targetPath(newest.name, newest.version);
  let served = 0;
  const server = createServer((request, response) => {
    const name = decodeURI(request.url!).slice(1);
    const file = name === path ? manifestBytes : repository.files.get(name);
    if (file === undefined) response.writeHead(404).end();
    else response.end(file);
    served += file?.length ?? 0;
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const read = async (file: string) => {
    const response = await fetch(`${url}/${file}`);
    return response.ok ? new Uint8Array(await response.arrayBuffer()) : null;
  };
  const pinned = repository.files.get("1.root.json")!;
  const ours = (verify: VerifyEd25519) => async () => {
    const deps = { sha256: nodeSha256, verify };
    const state = await refresh(pinRoot(pinned), {
      ...deps,
      clockMs: Date.now(),
      fetch: read,
      persist: (next) => writeFile(join(folder, "state.json"), JSON.stringify(trustStateToJson(next))),
    });
    const target = findTarget(state, path, { ...deps, clockMs: Date.now() });
    const question = { target, manifestBytes: (await read(path))!, state, hardware: "gateway" };
    judgeManifest({ ...question, product: newest.name }, deps);
  };
  const peer = async () => {
    const own = await mkdtemp(join(folder, "tuf-js-"));
    await writeFile(join(own, "root.json"), pinned);
    const updater = new Updater({
      metadataDir: own,
      metadataBaseUrl: url,
      targetDir: own,
      targetBaseUrl: url,
      config: { fetchRetries: 0, prefixTargetsWithHash: false },
    });
    const found = await updater.getTargetInfo(path);
    await updater.downloadTarget(found!, join(own, "manifest.json"));
  };
  const clients: [string, () => Promise<void>][] = [
    ["node:crypto", ours(nodeVerify)],
    ["tweetnacl", ours(naclVerify)],
    ["tuf-js", peer],
  ];
  const raw = clients.map(() => [] as number[]);
  const bytes = clients.map(() => 0);
  // Alternately, so that a busy machine is busy for all; the first round warms up.
  for (let i = 0; i <= ROUNDS; i++) {
    for (const [which, [, run]] of clients.entries()) {
      served = 0;
      const start = performance.now();
      await run();
      if (i > 0) raw[which]!.push(round(performance.now() - start));
      bytes[which] = served;
    }
  }
  await new Promise((done) => server.close(done));
  return clients.map(([client], i) => ({
    releases,
    client,
    medianMs: median(raw[i]!),
    rawMs: raw[i]!,
    bytes: bytes[i]!,
  }));
}

interface EnvelopeRow {
  readonly where: string;
  readonly medianMs: number;
  readonly bytes: number;
  readonly instructions: number | null;
  readonly stackBytes: number | null;
}

/** Two of three people's signatures on one release for one hardware class. */
function measureEnvelope(): EnvelopeRow[] {
  const { roles } = new TestRepository();
  const [root, people] = [roles.root.keys, roles.targets.keys];
  const digest = nodeSha256(new Uint8Array([1]));
  const nowS = Math.floor(Date.now() / 1000);
  const rootEnvelope = signRootEnvelope(
    {
      version: 1,
      rootThreshold: 2,
      rootKeys: root.map(({ publicKey }) => publicKey),
      releaseThreshold: 2,
      releaseKeys: people.map(({ publicKey }) => publicKey),
      expiresS: nowS + 1_000_000,
    },
    root,
    nodeSha256,
  );
  const facts: ReleaseEnvelope = {
    product: "reader",
    version: "1.2.0",
    sequence: 7,
    floor: 5,
    hardware: "nrf52840",
    architectureHash: digest,
    paramsSha256: digest,
    paramsLength: 49_348,
    goldenInputsSha256: digest,
    goldenInputsLength: 3_136,
    goldenOutputsSha256: digest,
    goldenOutputsLength: 40,
    manifestSha256: digest,
    issuedS: nowS,
    expiresS: nowS + 1000,
  };
  const envelope = signReleaseEnvelope(facts, people.slice(0, 2), nodeSha256);
  const question = { product: "reader", hardware: "nrf52840", architectureHash: digest, clockS: null };
  const state = pinRootEnvelope(rootEnvelope);
  return (
    [
      ["node:crypto", nodeVerify],
      ["tweetnacl", naclVerify],
    ] as const
  ).map(([where, verify]) => {
    const raw = Array.from({ length: ROUNDS + 1 }, () => {
      const start = performance.now();
      judgeReleaseEnvelope(state, envelope, question, { sha256: nodeSha256, verify });
      return round(performance.now() - start);
    }).slice(1);
    return { where, medianMs: median(raw), bytes: envelope.length, instructions: null, stackBytes: null };
  });
}

async function measureOnM4(folder: string): Promise<EnvelopeRow[]> {
  if (!(await canMeasureShims())) {
    console.log("SKIPPED Cortex-M4: needs make, cc, arm-none-eabi-gcc and qemu-system-arm");
    return [];
  }
  const { plugin } = await buildShims(folder);
  const { estimatedMs, inputBytes, instructions, stackBytes } = await measureJob("release", plugin, folder);
  return [
    {
      where: "cortex-m4 at 64 MHz, estimated",
      medianMs: estimatedMs,
      bytes: inputBytes ?? 0,
      instructions,
      stackBytes,
    },
  ];
}

const folder = await mkdtemp(join(tmpdir(), "mote-verify-"));
try {
  const metadata: Row[] = [];
  for (const releases of FLEETS) metadata.push(...(await measureFleet(releases, folder)));
  const envelope = [...measureEnvelope(), ...(await measureOnM4(folder))];
  console.log("First verification of a release, from the pinned root: TUF metadata and manifest");
  console.table(metadata.map(({ rawMs: _, ...row }) => row));
  console.log("The same facts for a microcontroller: one envelope, two of three people");
  console.table(envelope);
  await mkdir(dirname(RESULTS), { recursive: true });
  const document = { about: "npm run bench:verify", rounds: ROUNDS, metadata, envelope };
  await writeFile(RESULTS, `${JSON.stringify(document, null, 2)}\n`);
} finally {
  await rm(folder, { recursive: true, force: true });
}
