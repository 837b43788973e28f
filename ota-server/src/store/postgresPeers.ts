import { sql } from "kysely";
import type { Client, Pool } from "pg";
import type { Changes } from "./changes.js";
import type { Db } from "./db.js";
import { newServerId, type PeerMessage, type Peers } from "./peers.js";

export const PEER_LIMITS = {
  /** A leader that dies is followed after this; its lock falls with its connection. */
  beatMs: 1000,
  /** A server whose lock is free for so long is gone: its devices are offline. Shorter is a reconnection. */
  goneAfterBeats: 10,
  /** Connections that hold a lock while work is done elsewhere. */
  maxLocks: 4,
  /** Messages are sent in bundles. */
  bundleMs: 50,
  /** PostgreSQL takes less than 8,000 bytes in one notification. */
  maxNotificationBytes: 7_500,
  /** A connection whose last beat is older may be dead without knowing it. */
  deafAfterMs: 3000,
  /** Messages of one bundle; a fleet's telemetry must not drown the database in hints to refresh a page. */
  maxBundle: 200,
} as const;

const CHANNEL = "mote";
const LEADER = "mote leader";
const ALL_DEVICES: PeerMessage = { type: "devices", ids: null };
/** Ids of one message, each of 63 characters at most, in one notification. */
const IDS_PER_MESSAGE = 100;

/** Runs one statement outside of any transaction, for this class alone. */
interface Connection {
  readonly client: Client;
  /** Ends when the connection does. */
  isOpen: boolean;
}

/**
 * Servers of one PostgreSQL database find each other by advisory locks, which end with the connection of whoever holds
 * them, and talk by LISTEN and NOTIFY. No clock is compared with another machine's.
 */
export class PostgresPeers implements Peers {
  readonly id = newServerId();
  readonly isShared = true;
  private readonly connect: () => Promise<Client>;
  private readonly locks: Pool;
  private readonly listeners: ((message: PeerMessage) => void)[] = [];
  private readonly pending = new Map<string, PeerMessage>();
  /** Beats for which each other server's lock was found free. */
  private readonly silent = new Map<string, number>();
  private connection: Connection | null = null;
  private leads = false;
  private lastBeatMs = Number.NEGATIVE_INFINITY;
  private isClosed = false;
  private timers: NodeJS.Timeout[] = [];
  private beating: Promise<void> = Promise.resolve();

  private constructor(connect: () => Promise<Client>, locks: Pool) {
    this.connect = connect;
    this.locks = locks;
  }

  /** @param connect a new connection of the store's settings. @param locks closed with the peers. */
  static async open(connect: () => Promise<Client>, locks: Pool): Promise<PostgresPeers> {
    const peers = new PostgresPeers(connect, locks);
    await peers.beat();
    let isBusy = false;
    const beat = () => {
      if (isBusy) return;
      isBusy = true;
      peers.beating = peers.beat().finally(() => {
        isBusy = false;
      });
    };
    peers.timers = [
      setInterval(beat, PEER_LIMITS.beatMs),
      setInterval(() => void peers.flush(), PEER_LIMITS.bundleMs),
    ];
    return peers;
  }

  get isLeader(): boolean {
    return this.leads && this.connection?.isOpen === true;
  }

  get isHearing(): boolean {
    return this.connection?.isOpen === true && performance.now() - this.lastBeatMs < PEER_LIMITS.deafAfterMs;
  }

  send(message: PeerMessage): void {
    if (this.pending.size < PEER_LIMITS.maxBundle) this.pending.set(subjectOf(message), message);
  }

  hear(listener: (message: PeerMessage) => void): void {
    this.listeners.push(listener);
  }

  async announce(db: Db, { devices, rollouts }: Changes): Promise<void> {
    const messages: PeerMessage[] = rollouts ? [{ type: "rollouts" }] : [];
    if (devices === null) messages.push(ALL_DEVICES);
    const ids = [...(devices ?? [])];
    for (let at = 0; at < ids.length; at += IDS_PER_MESSAGE) {
      messages.push({ type: "devices", ids: ids.slice(at, at + IDS_PER_MESSAGE) });
    }
    for (const bundle of bundles(messages)) {
      await sql`select pg_notify(${CHANNEL}, ${notificationOf(this.id, bundle)})`.execute(db);
    }
  }

  async exclusively<T>(name: string, work: () => Promise<T>): Promise<T> {
    const client = await this.locks.connect();
    let isFaulty = false;
    try {
      await client.query("select pg_advisory_lock(hashtextextended($1, 0))", [`mote work ${name}`]);
      return await work();
    } finally {
      await client
        .query("select pg_advisory_unlock(hashtextextended($1, 0))", [`mote work ${name}`])
        .catch(() => {
          isFaulty = true;
        });
      // A broken connection holds no lock any more.
      client.release(isFaulty);
    }
  }

  async close(): Promise<void> {
    this.isClosed = true;
    for (const timer of this.timers) clearInterval(timer);
    await this.beating;
    await this.connection?.client
      .query("delete from servers where id = $1", [this.id])
      .catch(() => undefined);
    await this.connection?.client.end().catch(() => undefined);
    await this.locks.end();
  }

  /** Comes back after a lost connection, tries to lead, and as leader looks after servers that are gone. */
  private async beat(): Promise<void> {
    try {
      if (this.connection?.isOpen !== true) await this.join();
      const { client } = this.connection!;
      if (!this.leads) this.leads = await tryLock(client, LEADER);
      if (this.leads) await this.sweep(client);
      // Whoever was deaf has missed something.
      if (!this.isHearing) this.tell(ALL_DEVICES);
      this.lastBeatMs = performance.now();
    } catch (error) {
      this.drop();
      // The first failure is the caller's to know; later ones are outages, which end.
      if (this.timers.length === 0) throw error;
    }
  }

  private async join(): Promise<void> {
    this.drop();
    this.lastBeatMs = Number.NEGATIVE_INFINITY;
    const client = await this.connect();
    const connection: Connection = { client, isOpen: true };
    const gone = () => {
      connection.isOpen = false;
    };
    client.on("error", gone).on("end", gone);
    client.on("notification", ({ payload }) => this.take(payload ?? ""));
    await client.query(`listen ${CHANNEL}`);
    await client.query("select pg_advisory_lock(hashtextextended($1, 0))", [lockOf(this.id)]);
    await client.query("insert into servers (id) values ($1) on conflict do nothing", [this.id]);
    this.connection = connection;
  }

  private drop(): void {
    this.leads = false;
    const held = this.connection;
    this.connection = null;
    if (held !== null) held.client.end().catch(() => undefined);
  }

  private async sweep(client: Client): Promise<void> {
    const { rows } = await client.query<{ id: string }>("select id from servers where id <> $1", [this.id]);
    for (const { id } of rows) {
      if (!(await tryLock(client, lockOf(id)))) {
        this.silent.delete(id);
        continue;
      }
      await client.query("select pg_advisory_unlock(hashtextextended($1, 0))", [lockOf(id)]);
      const beats = (this.silent.get(id) ?? 0) + 1;
      this.silent.set(id, beats);
      if (beats < PEER_LIMITS.goneAfterBeats) continue;
      await client.query("update devices set online = 0, served_by = null where served_by = $1", [id]);
      this.tell(ALL_DEVICES);
      await client.query("select pg_notify($1, $2)", [CHANNEL, notificationOf(this.id, [ALL_DEVICES])]);
      await client.query("delete from servers where id = $1", [id]);
      this.silent.delete(id);
    }
  }

  private async flush(): Promise<void> {
    const client = this.connection?.client;
    if (this.pending.size === 0 || client === undefined || this.isClosed) return;
    const messages = [...this.pending.values()];
    this.pending.clear();
    for (const bundle of bundles(messages)) {
      await client
        .query("select pg_notify($1, $2)", [CHANNEL, notificationOf(this.id, bundle)])
        .catch(() => undefined);
    }
  }

  private take(payload: string): void {
    const { from, messages } = JSON.parse(payload) as { from: string; messages: PeerMessage[] };
    if (from === this.id) return;
    for (const message of messages) this.tell(message);
  }

  private tell(message: PeerMessage): void {
    for (const listener of this.listeners) listener(message);
  }
}

/** What `take` reads. */
function notificationOf(from: string, messages: readonly PeerMessage[]): string {
  return JSON.stringify({ from, messages });
}

function lockOf(id: string): string {
  return `mote server ${id}`;
}

async function tryLock(client: Client, name: string): Promise<boolean> {
  const { rows } = await client.query<{ taken: boolean }>(
    "select pg_try_advisory_lock(hashtextextended($1, 0)) as taken",
    [name],
  );
  return rows[0]?.taken === true;
}

/** A later message about the same thing makes the earlier one needless. */
function subjectOf(message: PeerMessage): string {
  if (message.type === "hint") return `hint/${message.product}`;
  if (message.type === "disconnect") return `disconnect/${message.deviceId}`;
  if (message.type !== "event") return message.type;
  const { type, deviceId, rolloutId } = message.event;
  return `${type}/${deviceId ?? ""}/${rolloutId ?? ""}`;
}

/** As few notifications as fit. */
function bundles(messages: readonly PeerMessage[]): PeerMessage[][] {
  const out: PeerMessage[][] = [];
  let room = 0;
  for (const message of messages) {
    const bytes = Buffer.byteLength(JSON.stringify(message)) + 1;
    if (bytes > room) {
      out.push([]);
      room = PEER_LIMITS.maxNotificationBytes - 100;
    }
    out.at(-1)!.push(message);
    room -= bytes;
  }
  return out;
}
