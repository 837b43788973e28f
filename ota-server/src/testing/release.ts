import { createHash, randomBytes } from "node:crypto";
import {
  type ArtifactRef,
  buildRoot,
  buildTargets,
  canonicalManifest,
  type Delegations,
  ed25519Key,
  MANIFEST_SCHEMA_ID,
  type Manifest,
  type OperatorClient,
  packBundle,
  type RolloutPlan,
  signRole,
  type TargetFile,
  targetPath,
} from "@mote/protocol";
import {
  generateKey,
  SERVER_ROLE,
  SERVER_ROLE_PATHS,
  type ServerKeys,
  type SigningKey,
} from "@mote/protocol/node";
import type { ReleaseRecord } from "../store/releases.js";

/** Real releases and real trust for tests of the server. */

const DAY_MS = 86_400_000;

export interface TestRelease {
  readonly manifest: Manifest;
  readonly manifestBytes: Uint8Array;
  readonly artifact: Uint8Array;
  readonly bundle: Uint8Array;
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function refOf(bytes: Uint8Array): ArtifactRef {
  return { sha256: sha256(bytes), length: bytes.length };
}

/**
 * @param artifact the model's bytes; random ones unless given.
 * @param images for devices with an update client of their own.
 * @param more of the manifest, over what it has otherwise.
 */
export function makeRelease(
  sequence: number,
  artifact: Uint8Array = new Uint8Array(randomBytes(4096)),
  hardware: string[] = ["gateway"],
  images: readonly { hardware: string[]; filename: string; bytes: Uint8Array }[] = [],
  more: Partial<Manifest> = {},
): TestRelease {
  const [inputs, outputs] = [new Uint8Array(randomBytes(16)), new Uint8Array(randomBytes(16))];
  const tensor = { name: "x", dtype: "float32" as const, shape: [1, 4] };
  const manifest: Manifest = {
    schema: MANIFEST_SCHEMA_ID,
    name: "digits",
    version: `${sequence}.0.0`,
    sequence,
    labels: ["a", "b"],
    preprocessing: [],
    variants: [
      {
        id: "gateway",
        hardware,
        runtime: "onnxruntime",
        format: "onnx",
        architectureHash: sha256(new Uint8Array([1])),
        artifact: refOf(artifact),
        input: tensor,
        output: tensor,
        golden: { inputs: refOf(inputs), outputs: refOf(outputs), count: 1, tolerance: 0 },
        ramBytes: 1000,
        flashBytes: 1000,
      },
    ],
    ...(images.length === 0
      ? {}
      : {
          images: images.map(({ bytes, ...image }) => ({
            ...image,
            artifact: refOf(bytes),
          })),
        }),
    health: { probationInferences: 1, probationS: 0, maxErrorShare: 0.1, maxLatencyUs: 1_000_000 },
    modelCard: { summary: "test", intendedUse: "test", limitations: "test" },
    lineage: { sourceModelSha256: sha256(artifact), recipe: "test", toolVersion: "0" },
    ...more,
  };
  const artifacts = new Map([
    [sha256(artifact), artifact],
    [sha256(inputs), inputs],
    [sha256(outputs), outputs],
    ...images.map(({ bytes }) => [sha256(bytes), bytes] as const),
  ]);
  return {
    manifest,
    manifestBytes: canonicalManifest(manifest),
    artifact,
    bundle: packBundle({ manifest, artifacts }),
  };
}

/** As the store holds a release. */
export function releaseRecord(manifest: Manifest): ReleaseRecord {
  const { name, version, sequence } = manifest;
  const bytes = canonicalManifest(manifest);
  return {
    product: name,
    version,
    sequence,
    target: targetPath(name, version),
    manifestSha256: sha256(bytes),
    manifestLength: bytes.length,
    manifest,
    uploadedAtMs: 1,
  };
}

/** A release to a whole product at once, judged by its installs alone. */
export function planForAll(version: string, more: Partial<RolloutPlan> = {}): RolloutPlan {
  return {
    product: "digits",
    version,
    query: {},
    waves: [{ name: "everybody", share: 1, soakS: 0 }],
    gates: {
      maxFailureShare: 0.2,
      minConfirmedShare: 1,
      installTimeoutS: 600,
      telemetry: [],
      falseStopRate: 0.05,
      deadlineS: 600,
    },
    onFailure: "hold",
    preconditions: {},
    approvals: 0,
    ...more,
  };
}

/** The people with the offline keys. */
export class TestSigners {
  readonly root: SigningKey = generateKey();
  readonly targets: SigningKey = generateKey();
  private version = 0;
  private readonly named: Record<string, TargetFile> = {};

  /** 1.root.json, or a later version, for a server with these keys. */
  rootFor(keys: Pick<ServerKeys, "snapshot" | "timestamp">, nowMs: number, version = 1): Uint8Array {
    const role = (key: SigningKey) => ({ keyids: [key.keyId], threshold: 1 });
    const all = [this.root, this.targets, keys.snapshot, keys.timestamp];
    return signRole(
      buildRoot({
        version,
        expiresMs: nowMs + 365 * DAY_MS,
        keys: Object.fromEntries(all.map((key) => [key.keyId, ed25519Key(key.publicKey)])),
        roles: {
          root: role(this.root),
          targets: role(this.targets),
          snapshot: role(keys.snapshot),
          timestamp: role(keys.timestamp),
        },
      }),
      [this.root],
    );
  }

  /** The next targets metadata, naming these releases beside the ones before. */
  sign(
    releases: readonly TestRelease[],
    nowMs: number,
    more: { floors?: Record<string, number>; delegateTo?: SigningKey; by?: SigningKey } = {},
  ): { file: string; bytes: Uint8Array } {
    for (const { manifest, manifestBytes } of releases) {
      this.named[targetPath(manifest.name, manifest.version)] = {
        length: manifestBytes.length,
        hashes: { sha256: sha256(manifestBytes) },
        custom: {
          name: manifest.name,
          version: manifest.version,
          sequence: manifest.sequence,
          hardware: manifest.variants.flatMap((variant) => variant.hardware),
        },
      };
    }
    this.version++;
    const { floors, delegateTo, by = this.targets } = more;
    const bytes = signRole(
      buildTargets({
        version: this.version,
        expiresMs: nowMs + 90 * DAY_MS,
        targets: this.named,
        ...(floors === undefined ? {} : { floors }),
        ...(delegateTo === undefined ? {} : { delegations: delegationTo(delegateTo) }),
      }),
      [by],
    );
    return { file: `${this.version}.targets.json`, bytes };
  }

  /** Uploads and signs, as an operator in offline mode does. */
  async publish(client: OperatorClient, releases: readonly TestRelease[], nowMs: number): Promise<void> {
    for (const { bundle } of releases) await client.uploadBundle(bundle);
    const { file, bytes } = this.sign(releases, nowMs);
    await client.putMetadata(file, bytes);
  }
}

function delegationTo(key: SigningKey): Delegations {
  return {
    keys: { [key.keyId]: ed25519Key(key.publicKey) },
    roles: [
      {
        name: SERVER_ROLE,
        keyids: [key.keyId],
        threshold: 1,
        terminating: false,
        paths: [...SERVER_ROLE_PATHS],
      },
    ],
  };
}
