import {
  buildTargets,
  canonicalManifest,
  createDeviceClient,
  decodeExchangeRequest,
  EXCHANGE_LIMITS,
  encodeExchangeAnswer,
  makeTensorPatch,
  signFreshness,
  signRole,
  type TargetFile,
  targetPath,
} from "@mote/protocol";
import { nodeSha256, TestRepository, testKeys } from "@mote/protocol/node";
import { describe, expect, it } from "vitest";
import { nodeClock } from "../node/clock.js";
import type { MemoryDevice } from "../testing/memory-device.js";
import { digestOf, PRODUCT, type TinyRelease, tinyRelease } from "../testing/tiny-release.js";
import { install, offerOf, v1, v2, world } from "../testing/two-releases.js";
import { Exchange } from "./exchange.js";
import type { Fetcher } from "./ports.js";
import { servingSlot, shadowSlot } from "./slots.js";
import type { AgentState, UpdateOffer } from "./state.js";

/**
 * Offline mode, and somebody else has the server: its disk with all that was ever published, its keys for snapshot and
 * timestamp, and its word in every answer. He wants a device to run what nobody signed, or what was retired. Every idea is
 * played through both doors by which a device can be reached.
 */

const DAY_MS = 86_400_000;
const DEPS = { sha256: nodeSha256 };
const evil = tinyRelease({ sequence: 666 });

/** What the thief answers with. */
interface Loot {
  readonly device: MemoryDevice;
  /** The real repository, whose people's keys he has not; all that it ever served is in `files`. */
  readonly honest: TestRepository;
  readonly files: Map<string, Uint8Array>;
  readonly blobs: Map<string, Uint8Array>;
}

interface Theft {
  readonly idea: string;
  /** Takes what was stolen, and says what he offers. */
  plot(loot: Loot): UpdateOffer;
  readonly phase: "refused" | "failed";
  readonly code: string;
}

const targetOf = ({ manifest, manifestBytes }: TinyRelease): TargetFile => ({
  length: manifestBytes.length,
  hashes: { sha256: digestOf(manifestBytes) },
  custom: {
    name: manifest.name,
    version: manifest.version,
    sequence: manifest.sequence,
    hardware: manifest.variants.flatMap(({ hardware }) => hardware),
  },
});

/** Genuine snapshot and timestamp, by the stolen keys, over whatever he likes. */
function refreshBy(
  { honest, files }: Loot,
  targets: { version: number; bytes: Uint8Array },
  others: Record<string, { version: number; bytes: Uint8Array }> = {},
): void {
  const version = 1_000_000;
  const { snapshot, timestamp } = signFreshness(
    {
      roles: { targets, ...others },
      snapshotVersion: version,
      timestampVersion: version,
      nowMs: honest.nowMs,
      snapshotSigners: honest.roles.snapshot.keys,
      timestampSigners: honest.roles.timestamp.keys,
    },
    DEPS,
  );
  files.set("timestamp.json", timestamp);
  files.set(`${version}.snapshot.json`, snapshot);
  files.set(`${targets.version}.targets.json`, targets.bytes);
  for (const [role, { version: of, bytes }] of Object.entries(others)) files.set(`${of}.${role}.json`, bytes);
}

function ownTargets({ honest }: Loot, signers: Parameters<typeof signRole>[1]) {
  const version = honest.targetsVersion + 1;
  const signed = buildTargets({
    version,
    expiresMs: honest.nowMs + DAY_MS,
    targets: { [evil.path]: targetOf(evil) },
  });
  return { version, bytes: signRole(signed, signers) };
}

const latest = ({ honest, files }: Loot) => ({
  version: honest.targetsVersion,
  bytes: files.get(`${honest.targetsVersion}.targets.json`)!,
});

/** A timestamp over a snapshot of which he says what he likes. */
function timestampOver({ honest, files }: Loot, snapshotVersion: number, snapshot: Uint8Array): void {
  const { timestamp } = signFreshness(
    {
      roles: {},
      snapshotVersion,
      timestampVersion: 1_000_000,
      nowMs: honest.nowMs,
      snapshotSigners: honest.roles.snapshot.keys,
      timestampSigners: honest.roles.timestamp.keys,
    },
    DEPS,
  );
  // The document names a snapshot of this version; its digest is put right for the one that he serves.
  const { signed } = JSON.parse(new TextDecoder().decode(timestamp));
  signed.meta["snapshot.json"] = {
    version: snapshotVersion,
    length: snapshot.length,
    hashes: { sha256: digestOf(snapshot) },
  };
  files.set("timestamp.json", signRole(signed, honest.roles.timestamp.keys));
  files.set(`${snapshotVersion}.snapshot.json`, snapshot);
}

/** A genuine release that people have signed since, to which he offers routes and blobs of his own. */
function genuineNext(loot: Loot): TinyRelease {
  const next = tinyRelease({ sequence: 3 });
  loot.honest.targets = { ...loot.honest.targets, [next.path]: targetOf(next) };
  loot.honest.publish();
  for (const [file, bytes] of loot.honest.files) loot.files.set(file, bytes);
  for (const [sha256, bytes] of next.blobs) loot.blobs.set(sha256, bytes);
  return next;
}

function routeTo({ blobs }: Loot, bytes: Uint8Array, baseSha256: string | null = null) {
  const sha256 = digestOf(bytes);
  blobs.set(sha256, bytes);
  return {
    codec: baseSha256 === null ? ("full" as const) : ("tensor" as const),
    baseSha256,
    blob: { sha256, length: bytes.length },
  };
}

const OF_EVIL: UpdateOffer = { ...offerOf(evil), id: "r666:update" };

const THEFTS: readonly Theft[] = [
  {
    idea: "own targets, by keys of his own, under genuine freshness",
    plot(loot) {
      refreshBy(loot, ownTargets(loot, testKeys(3, 2).keys));
      return OF_EVIL;
    },
    phase: "refused",
    code: "signature-invalid",
  },
  {
    idea: "own targets, by the server's keys and one person's",
    plot(loot) {
      const { snapshot, timestamp, targets } = loot.honest.roles;
      refreshBy(loot, ownTargets(loot, [...snapshot.keys, ...timestamp.keys, targets.keys[0]!]));
      return OF_EVIL;
    },
    phase: "refused",
    code: "signature-invalid",
  },
  {
    idea: "targets from before the floor, in a new snapshot",
    plot(loot) {
      refreshBy(loot, { version: 2, bytes: loot.files.get("2.targets.json")! });
      return offerOf(v1);
    },
    phase: "refused",
    code: "signature-invalid",
  },
  {
    idea: "an old snapshot under a new timestamp",
    plot(loot) {
      timestampOver(loot, 2, loot.files.get("2.snapshot.json")!);
      return offerOf(v1);
    },
    phase: "refused",
    code: "signature-invalid",
  },
  {
    idea: "an old snapshot under a new timestamp that says it is the newest",
    plot(loot) {
      timestampOver(loot, 1_000_000, loot.files.get("2.snapshot.json")!);
      return offerOf(v1);
    },
    phase: "refused",
    code: "signature-invalid",
  },
  {
    idea: "a role of his own in the snapshot, to which nobody delegates",
    plot(loot) {
      const [key] = testKeys(1, 1).keys;
      const signed = buildTargets({
        version: 1,
        expiresMs: loot.honest.nowMs + DAY_MS,
        targets: { [evil.path]: targetOf(evil) },
        floors: { [PRODUCT]: 0 },
      });
      refreshBy(loot, latest(loot), { server: { version: 1, bytes: signRole(signed, [key!]) } });
      return OF_EVIL;
    },
    phase: "refused",
    code: "signature-invalid",
  },
  {
    idea: "genuine targets with delegations put into them",
    plot(loot) {
      const [key] = testKeys(1, 1).keys;
      const genuine = JSON.parse(new TextDecoder().decode(latest(loot).bytes));
      genuine.signed.delegations = {
        keys: {
          [key!.keyId]: {
            keytype: "ed25519",
            scheme: "ed25519",
            keyval: { public: digestOf(key!.publicKey) },
          },
        },
        roles: [{ name: "server", keyids: [key!.keyId], threshold: 1, terminating: false, paths: ["*/*/*"] }],
      };
      refreshBy(loot, {
        version: latest(loot).version,
        bytes: new TextEncoder().encode(JSON.stringify(genuine)),
      });
      return OF_EVIL;
    },
    phase: "refused",
    code: "signature-invalid",
  },
  {
    idea: "a root of his own, by the server's keys",
    plot(loot) {
      const forged = new TestRepository();
      forged.rootVersion = loot.honest.rootVersion;
      const { snapshot, timestamp } = loot.honest.roles;
      const next = forged.publishRoot([...snapshot.keys, ...timestamp.keys]);
      loot.files.set(`${loot.honest.rootVersion + 1}.root.json`, next);
      return OF_EVIL;
    },
    phase: "refused",
    code: "signature-invalid",
  },
  {
    idea: "the first root once more, as the next",
    plot(loot) {
      loot.files.set(`${loot.honest.rootVersion + 1}.root.json`, loot.files.get("1.root.json")!);
      return OF_EVIL;
    },
    phase: "refused",
    code: "signature-invalid",
  },
  {
    idea: "all of another fleet's metadata, of the same product and versions",
    plot(loot) {
      const other = new TestRepository();
      other.nowMs = loot.honest.nowMs;
      other.targets = { [evil.path]: targetOf(evil), [v1.path]: targetOf(v1) };
      other.publish();
      for (const [file, bytes] of other.files) if (!file.includes("root")) loot.files.set(file, bytes);
      return OF_EVIL;
    },
    phase: "refused",
    code: "signature-invalid",
  },
  {
    idea: "another manifest under the signed digest",
    plot(loot) {
      const next = genuineNext(loot);
      loot.blobs.set(digestOf(next.manifestBytes), evil.manifestBytes);
      return offerOf(next);
    },
    phase: "refused",
    code: "digest-mismatch",
  },
  {
    idea: "another artifact under the signed digest",
    plot(loot) {
      const next = genuineNext(loot);
      loot.blobs.set(next.artifactSha256, evil.model);
      return offerOf(next);
    },
    phase: "failed",
    code: "download-failed",
  },
  {
    idea: "a route of his own that leads to another artifact",
    plot(loot) {
      return { ...offerOf(genuineNext(loot)), routes: [routeTo(loot, evil.model)] };
    },
    phase: "failed",
    code: "download-failed",
  },
  {
    idea: "a whole patch that makes another artifact",
    plot(loot) {
      const next = genuineNext(loot);
      const patch = makeTensorPatch(v2.model, evil.model, DEPS);
      return { ...offerOf(next), routes: [routeTo(loot, patch, v2.artifactSha256)] };
    },
    phase: "failed",
    code: "download-failed",
  },
  {
    idea: "a route of a million megabytes",
    plot(loot) {
      const blob = { sha256: evil.artifactSha256, length: 2 ** 40 };
      return { ...offerOf(genuineNext(loot)), routes: [{ codec: "full", baseSha256: null, blob }] };
    },
    phase: "failed",
    code: "download-failed",
  },
  {
    idea: "golden vectors of his own",
    plot(loot) {
      const next = genuineNext(loot);
      const { sha256, length } = next.manifest.variants[0]!.golden.outputs;
      loot.blobs.set(sha256, new Uint8Array(length));
      return offerOf(next);
    },
    phase: "refused",
    code: "digest-mismatch",
  },
  {
    idea: "a rollback to what was retired",
    plot: () => ({ ...offerOf(v1), kind: "rollback" }),
    phase: "refused",
    code: "below-floor",
  },
  {
    idea: "what was retired, by a lie about its sequence",
    plot: () => ({ ...offerOf(v1), sequence: 999, version: "999.0.0" }),
    phase: "refused",
    code: "below-floor",
  },
  {
    idea: "what was retired, into the shadow",
    plot: () => ({ ...offerOf(v1), kind: "shadow" }),
    phase: "refused",
    code: "below-floor",
  },
  {
    idea: "what was retired, to be held for a switch",
    plot: () => ({ ...offerOf(v1), activate: "hold" }),
    phase: "refused",
    code: "below-floor",
  },
  {
    idea: "what nobody signed, into the shadow and to be held",
    plot: () => ({ ...OF_EVIL, kind: "shadow", activate: "hold" }),
    phase: "refused",
    code: "signature-invalid",
  },
  {
    idea: "a genuine release of another product, for the same hardware",
    plot(loot) {
      const own = tinyRelease({ sequence: 9 });
      const manifest = { ...own.manifest, name: "other" };
      const manifestBytes = canonicalManifest(manifest);
      const other = { ...own, manifest, manifestBytes, path: targetPath("other", manifest.version) };
      loot.honest.targets = { ...loot.honest.targets, [other.path]: targetOf(other) };
      loot.honest.publish();
      for (const [file, bytes] of loot.honest.files) loot.files.set(file, bytes);
      for (const [sha256, bytes] of own.blobs) loot.blobs.set(sha256, bytes);
      loot.blobs.set(digestOf(manifestBytes), manifestBytes);
      return offerOf(other);
    },
    phase: "refused",
    code: "signature-invalid",
  },
  {
    idea: "last quarter's metadata, and the device's clock turned back to it",
    plot(loot) {
      const before = new Map(loot.files);
      loot.device.wallMs = loot.honest.nowMs - 91 * DAY_MS;
      for (const [file, bytes] of before) if (/^[12]\./.test(file)) loot.files.set(file, bytes);
      refreshBy(loot, { version: 2, bytes: before.get("2.targets.json")! });
      return offerOf(v1);
    },
    phase: "refused",
    code: "signature-invalid",
  },
];

type Door = (loot: Loot) => Fetcher;

/** HTTP: he answers with whatever bytes there are. */
const overHttp: Door = ({ files, blobs }) => ({
  metadata: async (file) => files.get(file) ?? null,
  blob: async (sha256, from) => ({ from, chunks: once(blobs.get(sha256)!.subarray(from)) }),
});

/** MQTT alone: the same answers, as messages of the exchange. */
const overMqtt: Door = ({ files, blobs }) => {
  const answer = (path: string): Uint8Array | undefined =>
    path.startsWith("/blobs/") ? blobs.get(path.slice(7)) : files.get(path.slice("/tuf/metadata/".length));
  const exchange: Exchange = new Exchange({
    base: "mqtt://broker",
    clock: nodeClock,
    random: () => 0.5,
    send: async (payload) => {
      const { id, path, range } = decodeExchangeRequest(payload);
      const whole = answer(path);
      const [first, last] = range!;
      const body = whole?.subarray(first, Math.min(last + 1, first + EXCHANGE_LIMITS.chunkMaxBytes));
      exchange.receive(
        encodeExchangeAnswer(
          whole === undefined || body === undefined
            ? { id, status: 404, etag: null, range: null, retryAfterS: null, body: new Uint8Array() }
            : { id, status: 206, etag: `"${path}"`, range: [first, whole.length], retryAfterS: null, body },
        ),
      );
    },
  });
  const client = createDeviceClient("mqtt://broker", exchange.fetch);
  return {
    metadata: (file, maxBytes, signal) => client.metadata(file, maxBytes, signal),
    blob: (sha256, from, signal) => client.blob(sha256, from, null, signal),
  };
};

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

/** A device on the second release, which knows that the first is retired; and all of its server in a thief's hands. */
async function stolen(): Promise<Loot> {
  const device = world();
  const honest = device.repository;
  await install(device, v1);
  honest.nowMs += 80 * DAY_MS;
  honest.floors = { [PRODUCT]: 2 };
  honest.publish();
  await install(device, v2);
  return {
    device,
    honest,
    files: new Map(honest.files),
    blobs: new Map([...v1.blobs, ...v2.blobs, ...evil.blobs]),
  };
}

const isOver = ({ update, reports }: AgentState) =>
  update.state === "idle" &&
  ["refused", "failed", "reverted", "confirmed"].includes(reports.at(-1)?.phase ?? "");

describe.each<[string, Door]>([
  ["over HTTP", overHttp],
  ["over MQTT alone", overMqtt],
])("a thief of the server, %s,", (_, door) => {
  it.each(
    THEFTS.map((theft) => [theft.idea, theft] as const),
  )("gets nowhere with %s", async (_idea, theft) => {
    const loot = await stolen();
    const { device } = loot;
    const offer = theft.plot(loot);
    device.fetcher = door(loot);
    let hasRun = false;
    const known = device.log.length;
    const state = await device.live(
      (updater) => updater.offered({ ...offer, id: "theft" }),
      (now) => {
        hasRun ||= servingSlot(now)?.sequence !== 2 || shadowSlot(now) !== null;
        return isOver(now) && device.log.slice(known).some(({ event }) => event === "report");
      },
      null,
    );
    expect(state.reports.at(-1)).toMatchObject({ phase: theft.phase, code: theft.code, runningSequence: 2 });
    expect(hasRun).toBe(false);
    expect(servingSlot(state)).toMatchObject({ sequence: 2, artifactSha256: v2.artifactSha256 });
    expect(device.files.has(evil.artifactSha256) || device.partials.has(evil.artifactSha256)).toBe(false);
  });
});
