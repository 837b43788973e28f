import { randomBytes } from "node:crypto";
import { serialize } from "./dialect.js";
import type { Db, Store } from "./store.js";

export async function getSetting(db: Db, name: string): Promise<string | null> {
  const row = await db.selectFrom("settings").select("value").where("name", "=", name).executeTakeFirst();
  return row?.value ?? null;
}

export async function setSetting(db: Db, name: string, value: string): Promise<void> {
  await db
    .insertInto("settings")
    .values({ name, value })
    .onConflict((conflict) => conflict.column("name").doUpdateSet({ value }))
    .execute();
}

export async function deleteSetting(db: Db, name: string): Promise<void> {
  await db.deleteFrom("settings").where("name", "=", name).execute();
}

/** 32 random bytes under this name: made by whichever server asks first, the same for all of them ever after. */
export async function secretSetting(store: Store, name: string): Promise<Buffer> {
  const fresh = randomBytes(32).toString("hex");
  const secret = await store.write(async (db) => {
    await serialize(db, name);
    const held = await getSetting(db, name);
    if (held === null) await setSetting(db, name, fresh);
    return held ?? fresh;
  });
  return Buffer.from(secret, "hex");
}
