import { randomBytes } from "node:crypto";
import type { ServerEvent } from "@mote/protocol";

/** What the servers of one database tell each other. A message may be lost; nothing rests on it but promptness. */
export type PeerMessage =
  | { readonly type: "event"; readonly event: ServerEvent }
  /** Devices of a product should poll now. */
  | { readonly type: "hint"; readonly product: string }
  /** A revoked device's connections end. */
  | { readonly type: "disconnect"; readonly deviceId: string };

/** The servers that work on the same store, this one among them. */
export interface Peers {
  /** Of this run of this server. */
  readonly id: string;
  /** False where the store can have one server only. */
  readonly isShared: boolean;
  /** Does this server judge rollouts, sign freshness and roll telemetry up? At most one does. */
  readonly isLeader: boolean;
  send(message: PeerMessage): void;
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

  send(): void {}

  hear(): void {}

  exclusively<T>(_name: string, work: () => Promise<T>): Promise<T> {
    return work();
  }

  async close(): Promise<void> {}
}

export function newServerId(): string {
  return randomBytes(6).toString("hex");
}
