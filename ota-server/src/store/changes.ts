import type { Db } from "./db.js";

/** What a transaction has changed of what servers keep in memory. */
export interface Changes {
  /** Devices whose record or membership is another now; null for any number of them. */
  devices: Set<string> | null;
  rollouts: boolean;
}

/** Beyond so many it is quicker to forget everything. */
const MAX_NAMED = 2000;

/** By transaction: gone with it when it is undone. */
const changes = new WeakMap<Db, Changes>();

function of(db: Db): Changes {
  const held = changes.get(db) ?? { devices: new Set<string>(), rollouts: false };
  changes.set(db, held);
  return held;
}

/** Every function of this room that writes what polls are answered by says so. @param db the connection of a write. */
export function touchDevice(db: Db, id: string): void {
  const held = of(db);
  held.devices?.add(id);
  if ((held.devices?.size ?? 0) > MAX_NAMED) held.devices = null;
}

export function touchAllDevices(db: Db): void {
  of(db).devices = null;
}

export function touchRollouts(db: Db): void {
  of(db).rollouts = true;
}

/** Null where the transaction has changed nothing of the kind. */
export function changesOf(db: Db): Changes | null {
  return changes.get(db) ?? null;
}
