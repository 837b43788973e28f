import { randomBytes } from "node:crypto";
import type { ServerEvent } from "@mote/protocol";
import type { Changes } from "./changes.js";
import type { Db } from "./db.js";

/**
 * What the servers of one database tell each other. A message that is sent may be lost; nothing rests on it but
 * promptness. "devices" and "rollouts" come with the transaction that makes them true, and are heard as long as
 * `isHearing`.
 */
export type PeerMessage =
  | { readonly type: "event"; readonly event: ServerEvent }
  /** Devices of a product should poll now. */
  | { readonly type: "hint"; readonly product: string }
  /** A revoked device's connections end. */
  | { readonly type: "disconnect"; readonly deviceId: string }
  /** What is kept in memory of these devices is old; null for all of them. Committed with the change itself. */
  | { readonly type: "devices"; readonly ids: readonly string[] | null }
  /** A rollout was changed. */
  | { readonly type: "rollouts" };

/** The servers that work on the same store, this one among them. */
export interface Peers {
  /** Of this run of this server. */
  readonly id: string;
  /** False where the store can have one server only. */
  readonly isShared: boolean;
  /** Does this server judge rollouts, sign freshness and roll telemetry up? At most one does. */
  readonly isLeader: boolean;
  /** False while changes of other servers may go unheard: then nothing that is kept in memory may be believed. */
  readonly isHearing: boolean;
  send(message: PeerMessage): void;
  /** Tells the others what the transaction of `db` changes; they hear it when, and only when, it commits. */
  announce(db: Db, changes: Changes): Promise<void>;
  /** What others send, not what this one does. */
  hear(listener: (message: PeerMessage) => void): void;
  /** Runs `work` while no other server runs work of this name. */
  exclusively<T>(name: string, work: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** The embedded store's only server. */
export class Alone implements Peers {
  readonly id = newServerId();
  readonly isShared = false;
  readonly isLeader = true;
  readonly isHearing = true;

  send(): void {}

  async announce(): Promise<void> {}

  hear(): void {}

  exclusively<T>(_name: string, work: () => Promise<T>): Promise<T> {
    return work();
  }

  async close(): Promise<void> {}
}

export function newServerId(): string {
  return randomBytes(6).toString("hex");
}
