import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Kysely, sql } from "kysely";
import { expect, onTestFinished, test } from "vitest";
import { migrate, migrationNames, SQLITE_TYPES } from "./migrations.js";
import { openSqlite } from "./sqlite.js";
import type { Tables } from "./tables.js";

/** Written before numbers were held unique, and run by stores since. */
const SHARED = "0006";

test("migrations stand in the order in which they run, each with a number of its own", async () => {
  const names = await migrationNames();
  expect(names).toEqual([...names].sort());
  const numbers = names.map((name) => name.slice(0, 4));
  expect(numbers.filter((number, i) => number !== SHARED && numbers.indexOf(number) !== i)).toEqual([]);
  expect(names.filter((name) => name.startsWith(SHARED))).toEqual(["0006-published", "0006-scale"]);
});

test("a store from before devices said what they can knows it of hawkBit's clients alone", async () => {
  const folder = mkdtempSync(join(tmpdir(), "mote-migrations-"));
  const { dialect } = await openSqlite(join(folder, "mote.sqlite"));
  const db = new Kysely<Tables>({ dialect });
  onTestFinished(async () => {
    await db.destroy();
    rmSync(folder, { recursive: true });
  });
  await migrate(db, SQLITE_TYPES, "0012-layouts");
  for (const [id, key] of [
    ["cam-1", "ab"],
    ["plc-1", ""],
  ]) {
    await sql`insert into devices (id, product, hardware, tags, public_key, enrolled_at_ms, online, running_sequence,
      held, floor, codecs, agent_version, frame_sequence, draw, update_failed)
      values (${id}, 'digits', 'gateway', '{}', ${key}, 1, 0, 0, '[]', 0, '[]', '', -1, 0, 0)`.execute(db);
  }
  await migrate(db, SQLITE_TYPES);
  const said = await db
    .selectFrom("devices")
    .select(["id", "can_shadow", "can_hold"])
    .orderBy("id")
    .execute();
  expect(said).toEqual([
    { id: "cam-1", can_shadow: null, can_hold: null },
    { id: "plc-1", can_shadow: 0, can_hold: 0 },
  ]);
});
