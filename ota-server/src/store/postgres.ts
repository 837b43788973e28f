import { whatCame } from "@mote/protocol";
import { PostgresDialect } from "kysely";
import { StoreError } from "../errors.js";
import type { Peers } from "./peers.js";
import { PEER_LIMITS, PostgresPeers } from "./postgresPeers.js";

export const POSTGRES_LIMITS = {
  /** One writes (writes that wait together share a transaction), the others read. */
  maxConnections: 8,
  connectTimeoutMs: 10_000,
  /** PostgreSQL 12 and newer have all that is asked for; older ones are no longer maintained. */
  minVersion: 12,
} as const;

const INT8 = 20;
const NUMERIC = 1700;

export interface OpenedPostgres {
  readonly dialect: PostgresDialect;
  readonly notes: readonly string[];
  /** Joins the other servers of the database; its tables must be there. */
  readonly openPeers: () => Promise<Peers>;
}

/** @param url `postgres://user@host:5432/database`; a password may also come from PGPASSWORD or ~/.pgpass. */
export async function openPostgres(url: string): Promise<OpenedPostgres> {
  const { default: pg } = await import("pg");
  const settings = {
    connectionString: url,
    connectionTimeoutMillis: POSTGRES_LIMITS.connectTimeoutMs,
    keepAlive: true,
    application_name: "mote-server",
    // An acknowledgement means "on the disk", whatever the database's own default is. Compiling a query costs more than
    // running ours does, and a fleet of a million is just large enough to be found worth it.
    options: "-c synchronous_commit=on -c timezone=UTC -c jit=off",
    types: {
      // 64-bit integers and sums come as text; ours are times and counters far below 2^53.
      getTypeParser: (oid: number, format?: "text" | "binary") =>
        format !== "binary" && (oid === INT8 || oid === NUMERIC)
          ? Number
          : pg.types.getTypeParser(oid, format),
    },
  };
  const makePool = (max: number) => {
    const pool = new pg.Pool({ ...settings, max });
    // A connection that dies says so to whoever uses it; unheard, the event would end the process.
    pool.on("error", () => undefined);
    pool.on("connect", (client) => client.on("error", () => undefined));
    return pool;
  };
  const connect = async () => {
    const client = new pg.Client(settings);
    await client.connect();
    return client;
  };
  const pool = makePool(POSTGRES_LIMITS.maxConnections);
  try {
    const { rows } = await pool.query<{ name: string; setting: string }>(
      "select name, setting from pg_settings where name in ('server_version_num', 'fsync', 'full_page_writes')",
    );
    const held = new Map(rows.map(({ name, setting }) => [name, setting]));
    checkVersion(Number(held.get("server_version_num") ?? 0));
    const isUnsafe = held.get("fsync") === "off" || held.get("full_page_writes") === "off";
    const notes = isUnsafe
      ? ["PostgreSQL runs with fsync or full_page_writes off: a power cut may lose what was acknowledged."]
      : [];
    return {
      dialect: new PostgresDialect({ pool }),
      notes,
      openPeers: () => PostgresPeers.open(connect, makePool(PEER_LIMITS.maxLocks)),
    };
  } catch (error) {
    await pool.end();
    throw error instanceof StoreError ? error : unreachable(url, error);
  }
}

/** The address without its password, for logs and errors. */
export function withoutPassword(url: string): string {
  try {
    const parsed = new URL(url);
    if (parsed.password !== "") parsed.password = "***";
    return parsed.href;
  } catch {
    return "an address that can't be read";
  }
}

function checkVersion(number: number): void {
  const major = Math.floor(number / 10_000);
  if (major >= POSTGRES_LIMITS.minVersion) return;
  throw new StoreError({
    expected: `PostgreSQL ${POSTGRES_LIMITS.minVersion} or newer`,
    got: `version ${major}`,
    todo: "Upgrade the database server.",
  });
}

function unreachable(url: string, cause: unknown): StoreError {
  return new StoreError({
    expected: `a PostgreSQL database at ${withoutPassword(url)}`,
    got: whatCame(cause),
    todo: "Check the address, the password (PGPASSWORD or ~/.pgpass) and that the database exists (`createdb mote`).",
    cause,
  });
}
