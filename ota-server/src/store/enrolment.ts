import type { Db } from "./store.js";
import type { Tables } from "./tables.js";

export interface EnrolmentToken {
  readonly id: string;
  readonly tokenSha256: string;
  readonly product: string;
  readonly hardware: string | null;
  readonly tags: Readonly<Record<string, string>>;
  readonly expiresAtMs: number;
  readonly usedBy: string | null;
  /** Public key (hex) of the device that used it: the same one may ask again. */
  readonly usedKey: string | null;
  /** Devices that it may bring in; 1 is a one-time token, bound to its first device and key. */
  readonly maxDevices: number;
  /** Devices that a token for many has brought in. */
  readonly used: number;
}

export async function putEnrolmentTokens(db: Db, tokens: readonly EnrolmentToken[]): Promise<void> {
  for (const token of tokens) {
    await db
      .insertInto("enrolment_tokens")
      .values({
        id: token.id,
        token_sha256: token.tokenSha256,
        product: token.product,
        hardware: token.hardware,
        tags: JSON.stringify(token.tags),
        expires_at_ms: token.expiresAtMs,
        used_by: token.usedBy,
        used_key: token.usedKey,
        max_devices: token.maxDevices,
        used: token.used,
      })
      .execute();
  }
}

export async function findEnrolmentToken(db: Db, tokenSha256: string): Promise<EnrolmentToken | null> {
  const row = await db
    .selectFrom("enrolment_tokens")
    .selectAll()
    .where("token_sha256", "=", tokenSha256)
    .executeTakeFirst();
  return row === undefined ? null : fromRow(row);
}

export async function listEnrolmentTokens(db: Db): Promise<EnrolmentToken[]> {
  const rows = await db
    .selectFrom("enrolment_tokens")
    .selectAll()
    .orderBy("expires_at_ms", "desc")
    .limit(1000)
    .execute();
  return rows.map(fromRow);
}

export async function useEnrolmentToken(
  db: Db,
  id: string,
  deviceId: string,
  publicKey: string,
): Promise<void> {
  await db
    .updateTable("enrolment_tokens")
    .set({ used_by: deviceId, used_key: publicKey })
    .where("id", "=", id)
    .execute();
}

/** One more device has come with a token for many. */
export async function countEnrolment(db: Db, id: string): Promise<void> {
  await db
    .updateTable("enrolment_tokens")
    .set((eb) => ({ used: eb("used", "+", 1) }))
    .where("id", "=", id)
    .execute();
}

type Row = Tables["enrolment_tokens"];

function fromRow(row: Row): EnrolmentToken {
  return {
    id: row.id,
    tokenSha256: row.token_sha256,
    product: row.product,
    hardware: row.hardware,
    tags: JSON.parse(row.tags),
    expiresAtMs: row.expires_at_ms,
    usedBy: row.used_by,
    usedKey: row.used_key,
    maxDevices: row.max_devices,
    used: row.used,
  };
}
