import type { Clock } from "../clock.js";
import type { Changes } from "../store/changes.js";
import { type DeviceRecord, findDevice } from "../store/devices.js";
import { findMembers, type Member } from "../store/rollouts.js";
import type { Db, Store } from "../store/store.js";
import { BoundedMap } from "./boundedMap.js";

export const DEVICE_CACHE_LIMITS = {
  /** Devices that are kept, about 1 kB each; those that were read first are forgotten first. */
  maxDevices: 50_000,
  /** What no change is announced of (the average of a device's errors) may be so old. Milliseconds. */
  maxAgeMs: 300_000,
} as const;

/** A device as the store holds it. */
export interface KnownDevice {
  readonly device: DeviceRecord;
  /** Its rows in the rollouts `asked`, by rollout. */
  readonly members: ReadonlyMap<string, Member>;
  readonly asked: readonly string[];
  readonly readAtMs: number;
}

const NO_MEMBERS: ReadonlyMap<string, Member> = new Map();
const NOT_ASKED: readonly string[] = [];

/**
 * Devices and memberships in memory, so that a poll that brings nothing and gets nothing asks no database. Coherent by
 * the store's own announcements: a change is forgotten here before it is acknowledged, and a change that another server
 * of the store has made as soon as it is committed there. While announcements may go unheard nothing is served from here.
 */
export class DeviceCache {
  private readonly store: Store;
  private readonly clock: Clock;
  private readonly known = new BoundedMap<string, KnownDevice>(DEVICE_CACHE_LIMITS.maxDevices);
  /** Readings under way. One that a change has overtaken is answered with, and not kept. */
  private readonly readings = new Map<string, { isStale: boolean }>();

  constructor(store: Store, clock: Clock) {
    this.store = store;
    this.clock = clock;
    store.hearChanges((changes) => this.forget(changes));
  }

  /** What is in memory and may be believed; null where the store must be asked. */
  peek(id: string): KnownDevice | null {
    const known = this.known.get(id);
    if (known === undefined || !this.store.peers.isHearing) return null;
    const ageMs = this.clock() - known.readAtMs;
    // Read in the future: the clock was set back.
    return ageMs >= 0 && ageMs <= DEVICE_CACHE_LIMITS.maxAgeMs ? known : null;
  }

  /** Null for an id that is not enrolled. */
  async find(id: string): Promise<KnownDevice | null> {
    return this.peek(id) ?? (await this.read(id));
  }

  /** With its rows in these rollouts. @param rolloutIds the same array as long as they are the same. */
  async withMembers(known: KnownDevice, rolloutIds: readonly string[]): Promise<KnownDevice> {
    if (known.asked === rolloutIds) return known;
    const { id } = known.device;
    const reading = this.begin(id);
    const rows = await this.settled(id, reading, (db) => findMembers(db, rolloutIds, id));
    const members = new Map(rows.map((row) => [row.rolloutId, row]));
    return this.end(id, reading, { ...known, members, asked: rolloutIds }, this.known.get(id) === known);
  }

  private async read(id: string): Promise<KnownDevice | null> {
    const reading = this.begin(id);
    const readAtMs = this.clock();
    const device = await this.settled(id, reading, (db) => findDevice(db, id));
    if (device === null) return null;
    return this.end(id, reading, { device, members: NO_MEMBERS, asked: NOT_ASKED, readAtMs }, true);
  }

  private begin(id: string): { isStale: boolean } {
    // Of readings of one device at once the first may be kept.
    if (this.readings.has(id)) return { isStale: true };
    const reading = { isStale: false };
    this.readings.set(id, reading);
    return reading;
  }

  /** A reading that fails leaves no mark behind. */
  private async settled<T>(
    id: string,
    reading: { isStale: boolean },
    query: (db: Db) => Promise<T>,
  ): Promise<T> {
    try {
      return await this.store.read(query);
    } finally {
      if (this.readings.get(id) === reading) this.readings.delete(id);
    }
  }

  private end(id: string, reading: { isStale: boolean }, known: KnownDevice, mayKeep: boolean): KnownDevice {
    if (reading.isStale || !mayKeep || !this.store.peers.isHearing) return known;
    this.known.set(id, known);
    return known;
  }

  private forget({ devices }: Changes): void {
    if (devices === null) {
      this.known.clear();
      for (const reading of this.readings.values()) reading.isStale = true;
      this.readings.clear();
      return;
    }
    for (const id of devices) {
      this.known.delete(id);
      const reading = this.readings.get(id);
      if (reading === undefined) continue;
      reading.isStale = true;
      this.readings.delete(id);
    }
  }
}
