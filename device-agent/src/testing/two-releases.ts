import { makeTensorPatch, type TargetFile } from "@mote/protocol";
import { nodeSha256, TestRepository } from "@mote/protocol/node";
import { confirmedSlot } from "../core/slots.js";
import type { AgentState, UpdateOffer } from "../core/state.js";
import { type Cut, MemoryDevice } from "./memory-device.js";
import { digestOf, PRODUCT, type TinyRelease, tinyRelease } from "./tiny-release.js";

/** A device in memory, and two signed releases for it: for tests that end it at any moment. */

const STRENGTHS = [0.11, 0.12];
export const [v1, v2] = STRENGTHS.map((strength, i) => tinyRelease({ sequence: i + 1, strength })) as [
  TinyRelease,
  TinyRelease,
];
const patch = makeTensorPatch(v1.model, v2.model, { sha256: nodeSha256 });

export function world(): MemoryDevice {
  const repository = new TestRepository();
  const target = ({ manifest, manifestBytes }: TinyRelease): TargetFile => ({
    length: manifestBytes.length,
    hashes: { sha256: digestOf(manifestBytes) },
    custom: {
      name: PRODUCT,
      version: manifest.version,
      sequence: manifest.sequence,
      hardware: manifest.variants.flatMap(({ hardware }) => hardware),
    },
  });
  repository.targets = { [v1.path]: target(v1), [v2.path]: target(v2) };
  repository.publish();
  const served = new Map([...v1.blobs, ...v2.blobs, [digestOf(patch), patch]]);
  const strengths = new Map([v1, v2].map(({ artifactSha256 }, i) => [artifactSha256, STRENGTHS[i]!]));
  const device = new MemoryDevice(repository, served, strengths);
  device.documents.set("trust", {
    root: repository.files.get("1.root.json")!,
    timestamp: null,
    snapshot: null,
    targets: null,
    delegated: {},
    floors: {},
    timeMs: 0,
  });
  return device;
}

export function offerOf(release: TinyRelease): UpdateOffer {
  const { name, version, sequence } = release.manifest;
  const blob = (bytes: Uint8Array) => ({ sha256: digestOf(bytes), length: bytes.length });
  const whole = { codec: "full" as const, baseSha256: null, blob: blob(release.model) };
  const delta = { codec: "tensor" as const, baseSha256: v1.artifactSha256, blob: blob(patch) };
  return {
    id: `r${sequence}:update`,
    kind: "update",
    name,
    version,
    sequence,
    target: release.path,
    routes: release === v2 ? [delta, whole] : [whole],
    preconditions: {},
  };
}

export const runs = (release: TinyRelease) => (state: AgentState) =>
  state.update.state === "idle" && confirmedSlot(state)?.sequence === release.manifest.sequence;

export async function install(
  device: MemoryDevice,
  release: TinyRelease,
  cut: Cut | null = null,
): Promise<AgentState> {
  return device.live((updater) => updater.offered(offerOf(release)), runs(release), cut);
}
