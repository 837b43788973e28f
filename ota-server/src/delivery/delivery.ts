import {
  type ArtifactRef,
  architectureOf,
  type Codec,
  type ParamsLayout,
  type Route,
  toHex,
} from "@mote/protocol";
import { nodeSha256 } from "@mote/protocol/node";
import type { Blobs } from "../blobs/blobs.js";
import type { Log } from "../log.js";
import { findLayouts } from "../store/layouts.js";
import { findPatches, type PatchRecord, putPatch } from "../store/patches.js";
import type { Store } from "../store/store.js";

/** Makes one patch, elsewhere than on this thread; null when the codec has no answer for these bytes. */
export type PatchMaker = (
  codec: Codec,
  base: Uint8Array,
  target: Uint8Array,
  layouts: readonly ParamsLayout[],
) => Promise<Uint8Array | null>;

export const DELIVERY_LIMITS = {
  /** Bases tried for one poll: what runs, and one from the cache. */
  maxBases: 2,
  /** A poll waits this long for a patch that is being made; then the device is asked to come back. */
  waitMs: 5_000,
  /** Patches that may be under way at once; beyond it devices come back later. */
  maxUnderWay: 16,
} as const;

/** In place of a base's digest: a patch of codec "full" is the artifact compressed, and needs none. */
const NO_BASE = "";
/** As many as an offer may carry. */
const MAX_ROUTES = 8;

/** The cheapest ways from what a device holds to what it should run. Each patch is made once, whoever asks. */
export class Delivery {
  private readonly store: Store;
  private readonly blobs: Blobs;
  private readonly log: Log;
  private readonly make: PatchMaker;
  private readonly underWay = new Map<string, Promise<void>>();

  constructor(store: Store, blobs: Blobs, make: PatchMaker, log: Log) {
    this.store = store;
    this.blobs = blobs;
    this.make = make;
    this.log = log;
  }

  /**
   * Smallest first, the whole artifact last. Empty when the device holds the artifact.
   *
   * @param held digests that the device may patch from, what it runs first.
   * @returns null while a patch is still being made and it is better to come back than to send the whole.
   */
  async routes(
    target: ArtifactRef,
    held: readonly string[],
    codecs: readonly Codec[],
  ): Promise<Route[] | null> {
    if (held.includes(target.sha256)) return [];
    const whole: Route = { codec: "full", baseSha256: null, blob: target };
    const fromBase = codecs.filter((codec) => codec !== "full");
    const compressed = codecs.filter((codec) => codec === "full");
    const routes: Route[] = [];
    for (const base of [NO_BASE, ...(await this.knownBases(held))]) {
      const patches = await this.patches(base, target, base === NO_BASE ? compressed : fromBase);
      if (patches === null) return null;
      for (const { codec, sha256, length } of patches) {
        if (sha256 === null) continue;
        const baseSha256 = base === NO_BASE ? null : base;
        routes.push({ codec: codec as Codec, baseSha256, blob: { sha256, length } });
      }
    }
    const best = routes.sort((a, b) => a.blob.length - b.blob.length).slice(0, MAX_ROUTES - 1);
    return [...best, whole];
  }

  private async knownBases(held: readonly string[]): Promise<string[]> {
    const known: string[] = [];
    for (const sha256 of held) {
      if (known.length === DELIVERY_LIMITS.maxBases) break;
      if ((await this.blobs.length(sha256)) !== null) known.push(sha256);
    }
    return known;
  }

  private async patches(
    base: string,
    target: ArtifactRef,
    codecs: readonly Codec[],
  ): Promise<PatchRecord[] | null> {
    const usable = (records: readonly PatchRecord[]) =>
      records.filter(({ codec }) => codecs.some((wanted) => wanted === codec));
    let records = await this.store.read((db) => findPatches(db, base, target.sha256));
    const missing = codecs.filter((codec) => !records.some((record) => record.codec === codec));
    if (missing.length === 0) return usable(records);
    const jobs = missing.map((codec) => this.single(codec, base, target));
    if (jobs.some((job) => job === null)) return null;
    const isDone = await settledWithin(Promise.all(jobs), DELIVERY_LIMITS.waitMs);
    if (!isDone) return null;
    records = await this.store.read((db) => findPatches(db, base, target.sha256));
    return usable(records);
  }

  /** The one job for this patch; null when too many are under way. */
  private single(codec: Codec, base: string, target: ArtifactRef): Promise<void> | null {
    const key = `${codec}/${base}/${target.sha256}`;
    const running = this.underWay.get(key);
    if (running !== undefined) return running;
    if (this.underWay.size >= DELIVERY_LIMITS.maxUnderWay) return null;
    const job = this.makeAndStore(codec, base, target).finally(() => this.underWay.delete(key));
    this.underWay.set(key, job);
    return job;
  }

  private async makeAndStore(codec: Codec, base: string, target: ArtifactRef): Promise<void> {
    const record = { baseSha256: base, targetSha256: target.sha256, codec };
    const bytes = await this.tryMake(codec, base, target);
    if (bytes === null || bytes.length >= target.length) {
      await this.store.write((db) => putPatch(db, { ...record, sha256: null, length: 0 }));
      return;
    }
    const sha256 = toHex(nodeSha256(bytes));
    await this.blobs.put(sha256, bytes);
    await this.store.write((db) => putPatch(db, { ...record, sha256, length: bytes.length }));
    this.log.info("patch", { codec, base, target: target.sha256, bytes: bytes.length, of: target.length });
  }

  private async tryMake(codec: Codec, base: string, target: ArtifactRef): Promise<Uint8Array | null> {
    try {
      const baseBytes = base === NO_BASE ? new Uint8Array() : await this.blobs.read(base);
      const targetBytes = await this.blobs.read(target.sha256);
      const architectures = [baseBytes, targetBytes].map(architectureOf).filter((hash) => hash !== null);
      const layouts = await this.store.read((db) => findLayouts(db, architectures));
      return await this.make(codec, baseBytes, targetBytes, layouts);
    } catch (error) {
      // Devices can always take the whole artifact.
      this.log.error("patch-failed", error, { codec, base, target: target.sha256 });
      return null;
    }
  }
}

async function settledWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([work.then(() => true as const), timeout]);
  } finally {
    clearTimeout(timer);
  }
}
