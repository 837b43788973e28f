import { sql } from "kysely";
import { isPostgres } from "./dialect.js";
import type { Db } from "./store.js";

/** A table as it is found, so that no new one can be forgotten. */
export interface DumpTable {
  readonly name: string;
  readonly columns: readonly string[];
  /** Columns of the primary key, in its order. */
  readonly keys: readonly string[];
}

/** A value of a row as JSON: bytes are the only thing that it lacks. */
export type Cell = string | number | null | { readonly base64: string };

/** Rows that are held in memory at a time. */
const BATCH = 2000;
/** Parameters of one statement; SQLite takes 32,766, PostgreSQL 65,535. */
const MAX_PARAMETERS = 30_000;
const MIGRATION_TABLES = /^kysely_/;

export async function listTables(db: Db): Promise<DumpTable[]> {
  const all = await db.introspection.getTables();
  const tables = all.filter(({ name, isView }) => !isView && !MIGRATION_TABLES.test(name));
  return Promise.all(
    tables
      .map(({ name, columns }) => ({ name, columns: columns.map((column) => column.name) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(async (table) => ({ ...table, keys: await primaryKey(db, table.name) })),
  );
}

/** Name of the last migration that has run; null in an empty database. */
export async function lastMigration(db: Db): Promise<string | null> {
  const all = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (!all.some(({ name }) => name === "kysely_migration")) return null;
  const { rows } = await sql<{
    name: string;
  }>`select name from kysely_migration order by name desc limit 1`.execute(db);
  return rows[0]?.name ?? null;
}

/** All rows in the order of the primary key. Give it a transaction: then they are of one moment. */
export async function* dumpRows(db: Db, table: DumpTable): AsyncGenerator<Cell[][]> {
  const keys = sql.join(table.keys.map((key) => sql.ref(key)));
  let after: unknown[] | null = null;
  for (;;) {
    const beyond: ReturnType<typeof sql> =
      after === null ? sql`` : sql`where (${keys}) > (${sql.join(after)})`;
    const { rows }: { rows: Record<string, unknown>[] } = await sql<Record<string, unknown>>`
      select * from ${sql.table(table.name)} ${beyond} order by ${keys} limit ${sql.lit(BATCH)}`.execute(db);
    if (rows.length > 0) yield rows.map((row) => table.columns.map((column) => toCell(row[column])));
    if (rows.length < BATCH) return;
    after = table.keys.map((key) => rows.at(-1)![key]);
  }
}

/** A migration may have put rows into a fresh table. */
export async function clearTable(db: Db, name: string): Promise<void> {
  await sql`delete from ${sql.table(name)}`.execute(db);
}

export async function loadRows(
  db: Db,
  table: Pick<DumpTable, "name" | "columns">,
  rows: readonly (readonly Cell[])[],
): Promise<void> {
  const size = Math.max(1, Math.floor(MAX_PARAMETERS / table.columns.length));
  const columns = sql.join(table.columns.map((column) => sql.ref(column)));
  for (let start = 0; start < rows.length; start += size) {
    const values = rows.slice(start, start + size).map((row) => sql`(${sql.join(row.map(fromCell))})`);
    await sql`insert into ${sql.table(table.name)} (${columns}) values ${sql.join(values)}`.execute(db);
  }
}

export async function isEmpty(db: Db): Promise<boolean> {
  for (const { name } of await listTables(db)) {
    if (name === "counters") continue;
    const { rows } = await sql`select 1 from ${sql.table(name)} limit 1`.execute(db);
    if (rows.length > 0) return false;
  }
  return true;
}

async function primaryKey(db: Db, table: string): Promise<string[]> {
  const { rows } = isPostgres(db)
    ? await sql<{ name: string }>`
        select a.attname as name from pg_index i
        join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
        where i.indrelid = ${table}::regclass and i.indisprimary
        order by array_position(i.indkey::int2[], a.attnum)`.execute(db)
    : await sql<{
        name: string;
      }>`select name from pragma_table_info(${table}) where pk > 0 order by pk`.execute(db);
  return rows.map(({ name }) => name);
}

function toCell(value: unknown): Cell {
  if (value === null || value === undefined) return null;
  if (typeof value === "string" || typeof value === "number") return value;
  if (value instanceof Uint8Array) return { base64: Buffer.from(value).toString("base64") };
  throw new Error(`a column holds a ${typeof value}, which a backup has no form for`);
}

function fromCell(cell: Cell): string | number | null | Uint8Array {
  return typeof cell === "object" && cell !== null
    ? new Uint8Array(Buffer.from(cell.base64, "base64"))
    : cell;
}
