import {
  BUNDLE_MAX_BYTES,
  type LineageAnswer,
  type ReleaseComparison,
  type ReleaseView,
  targetPath,
  toHex,
  unpackBundle,
} from "@mote/protocol";
import { nodeSha256 } from "@mote/protocol/node";
import type { Blobs } from "../blobs/blobs.js";
import type { Clock } from "../clock.js";
import { ConflictError, NotFoundError } from "../errors.js";
import { listConsumers } from "../store/consumers.js";
import { countByRelease } from "../store/devices.js";
import { fieldFigures } from "../store/figures.js";
import { putLayout } from "../store/layouts.js";
import { findPatches } from "../store/patches.js";
import {
  findRelease,
  findReleaseBySequence,
  listReleases,
  putRelease,
  type ReleaseRecord,
} from "../store/releases.js";
import type { Store } from "../store/store.js";
import type { TrustRepository } from "../trust/repository.js";
import { releaseNotice } from "../webhooks/notices.js";
import { tell } from "../webhooks/outbox.js";
import { compareManifests } from "./compare.js";
import { warningsFor } from "./effects.js";
import { kinOf, type RolloutOf } from "./lineage.js";

export { BUNDLE_MAX_BYTES };

/** What figures from the field are about. */
const FIELD_MS = 86_400_000;

/** What could be rolled out: every bundle that was uploaded, whoever has signed it so far. */
export class Catalog {
  private readonly store: Store;
  private readonly blobs: Blobs;
  private readonly trust: TrustRepository;
  private readonly clock: Clock;

  constructor(store: Store, blobs: Blobs, trust: TrustRepository, clock: Clock) {
    this.store = store;
    this.blobs = blobs;
    this.trust = trust;
    this.clock = clock;
  }

  /**
   * Checks every digest of a bundle file and stores its blobs, then its release. The same bundle again is no error.
   *
   * @throws BundleFormatError, SchemaError, DigestMismatchError, TooLargeError for the file; ConflictError when its
   *   version or sequence is taken by other content.
   */
  async addBundle(file: Uint8Array): Promise<ReleaseRecord> {
    const { manifest, manifestBytes, artifacts, layouts } = unpackBundle(file, nodeSha256);
    const release: ReleaseRecord = {
      product: manifest.name,
      version: manifest.version,
      sequence: manifest.sequence,
      target: targetPath(manifest.name, manifest.version),
      manifestSha256: toHex(nodeSha256(manifestBytes)),
      manifestLength: manifestBytes.length,
      manifest,
      uploadedAtMs: this.clock(),
    };
    const held = await this.conflicting(release);
    if (held !== null) return held;
    for (const [sha256, bytes] of artifacts) await this.blobs.put(sha256, bytes);
    await this.blobs.put(release.manifestSha256, manifestBytes);
    await this.store.write(async (db) => {
      for (const layout of layouts) await putLayout(db, layout);
      if ((await findRelease(db, release.product, release.version)) !== null) return;
      await putRelease(db, release);
      await tell(db, [releaseNotice(release)]);
    });
    return release;
  }

  async view(release: ReleaseRecord): Promise<ReleaseView> {
    const counts = await this.store.read(countByRelease);
    return this.viewWith(release, counts);
  }

  async list(): Promise<ReleaseView[]> {
    const releases = await this.store.read(listReleases);
    const counts = await this.store.read(countByRelease);
    return releases.map((release) => this.viewWith(release, counts));
  }

  find(product: string, version: string): Promise<ReleaseRecord | null> {
    return this.store.read((db) => findRelease(db, product, version));
  }

  /** Throws NotFoundError. */
  async get(product: string, version: string): Promise<ReleaseRecord> {
    const release = await this.find(product, version);
    if (release !== null) return release;
    throw new NotFoundError({
      expected: "an uploaded release",
      got: `${product} ${version}`,
      todo: "Upload its bundle with `mote publish`.",
    });
  }

  /** @param rollouts of the product. Throws NotFoundError. */
  async lineage(product: string, version: string, rollouts: readonly RolloutOf[]): Promise<LineageAnswer> {
    const release = await this.get(product, version);
    const known = (await this.store.read(listReleases)).filter((one) => one.product === product);
    const counts = await this.store.read(countByRelease);
    return {
      ...kinOf(release, known, rollouts, (sequence) => devicesOn(counts, product, sequence)),
      field: await this.field(release),
    };
  }

  /** Throws NotFoundError. */
  async compare(product: string, fromVersion: string, toVersion: string): Promise<ReleaseComparison> {
    const [from, to] = [await this.get(product, fromVersion), await this.get(product, toVersion)];
    const counts = await this.store.read(countByRelease);
    const made = new Map<string, { codec: string; bytes: number }[]>();
    for (const variant of to.manifest.variants) {
      const base = from.manifest.variants.find(({ id }) => id === variant.id)?.artifact.sha256;
      if (base === undefined) continue;
      const patches = await this.store.read((db) => findPatches(db, base, variant.artifact.sha256));
      const good = patches.filter(({ sha256 }) => sha256 !== null);
      made.set(
        `${base}/${variant.artifact.sha256}`,
        good.map(({ codec, length }) => ({ codec, bytes: length })),
      );
    }
    const side = async (release: ReleaseRecord) => ({
      version: release.version,
      sequence: release.sequence,
      manifestSha256: release.manifestSha256,
      devices: devicesOn(counts, product, release.sequence),
      accuracy: release.manifest.modelCard.accuracy ?? null,
      samples: release.manifest.modelCard.samples ?? null,
      minConfidence: release.manifest.envelope?.minConfidence ?? null,
      field: await this.field(release),
    });
    const consumers = await this.store.read((db) => listConsumers(db, product));
    return {
      product,
      from: await side(from),
      to: await side(to),
      ...compareManifests(
        from.manifest,
        to.manifest,
        (base, target) => made.get(`${base.sha256}/${target.sha256}`) ?? [],
      ),
      consumers: warningsFor(consumers, [from.manifest], to.manifest),
    };
  }

  private field({ product, sequence }: ReleaseRecord) {
    const sinceMs = this.clock() - FIELD_MS;
    return this.store.read((db) => fieldFigures(db, product, sequence, sinceMs));
  }

  private async conflicting(release: ReleaseRecord): Promise<ReleaseRecord | null> {
    const { product, version, sequence } = release;
    const sameVersion = await this.find(product, version);
    if (sameVersion?.manifestSha256 === release.manifestSha256) return sameVersion;
    const sameSequence = await this.store.read((db) => findReleaseBySequence(db, product, sequence));
    const other = sameVersion ?? sameSequence;
    if (other === null) return null;
    throw new ConflictError({
      expected: `a version and a sequence of ${product} that are new`,
      got: `${version} (sequence ${sequence}), while ${other.version} (sequence ${other.sequence}) with other content is stored`,
      todo: "A release never changes: give the bundle a new version and a higher sequence.",
    });
  }

  private viewWith(release: ReleaseRecord, counts: readonly DevicesOn[]): ReleaseView {
    const { manifest } = release;
    return {
      product: release.product,
      version: release.version,
      sequence: release.sequence,
      target: release.target,
      manifest: { sha256: release.manifestSha256, length: release.manifestLength },
      signedBy: this.trust.signerOf(release) ?? "nobody",
      retired: this.trust.isRetired(release),
      uploadedAtMs: release.uploadedAtMs,
      variants: manifest.variants.map(({ id, hardware, runtime, architectureHash, artifact }) => ({
        id,
        hardware,
        runtime,
        architectureHash,
        artifact,
      })),
      accuracy: manifest.modelCard.accuracy ?? null,
      devices: devicesOn(counts, release.product, release.sequence),
    };
  }
}

interface DevicesOn {
  readonly product: string;
  readonly sequence: number;
  readonly devices: number;
}

function devicesOn(counts: readonly DevicesOn[], product: string, sequence: number): number {
  return counts.find((row) => row.product === product && row.sequence === sequence)?.devices ?? 0;
}
