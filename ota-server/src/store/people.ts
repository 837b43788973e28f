import type { Db } from "./store.js";

export interface Person {
  readonly id: string;
  readonly role: string;
  readonly createdAtMs: number;
  readonly revokedAtMs: number | null;
}

export async function findPersonByToken(db: Db, tokenSha256: string): Promise<Person | null> {
  const row = await db
    .selectFrom("people")
    .selectAll()
    .where("token_sha256", "=", tokenSha256)
    .where("revoked_at_ms", "is", null)
    .executeTakeFirst();
  return row === undefined ? null : fromRow(row);
}

export async function listPeople(db: Db): Promise<Person[]> {
  return (await db.selectFrom("people").selectAll().orderBy("id").execute()).map(fromRow);
}

/** A person who is put again gets the new token and role; the old token ends. */
export async function putPerson(db: Db, person: Person, tokenSha256: string): Promise<void> {
  const values = {
    role: person.role,
    token_sha256: tokenSha256,
    created_at_ms: person.createdAtMs,
    revoked_at_ms: person.revokedAtMs,
  };
  await db
    .insertInto("people")
    .values({ id: person.id, ...values })
    .onConflict((conflict) => conflict.column("id").doUpdateSet(values))
    .execute();
}

function fromRow(row: {
  id: string;
  role: string;
  created_at_ms: number;
  revoked_at_ms: number | null;
}): Person {
  return { id: row.id, role: row.role, createdAtMs: row.created_at_ms, revokedAtMs: row.revoked_at_ms };
}

/** @returns false when there is no such person, or their access has ended already. */
export async function revokePerson(db: Db, id: string, atMs: number): Promise<boolean> {
  const result = await db
    .updateTable("people")
    .set({ revoked_at_ms: atMs })
    .where("id", "=", id)
    .where("revoked_at_ms", "is", null)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}
