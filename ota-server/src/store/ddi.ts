import type { Db } from "./store.js";
import type { Tables } from "./tables.js";

/** A token of hawkBit's device interface; the server keeps its digest. */
export interface DdiCredential {
  readonly id: string;
  /** "target" speaks for one device, "gateway" for every device id that comes with it, up to `maxDevices`. */
  readonly kind: "target" | "gateway";
  readonly deviceId: string | null;
  readonly product: string;
  readonly hardware: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly maxDevices: number;
  readonly createdAtMs: number;
  readonly revokedAtMs: number | null;
}

/** What the interface must remember of one device. */
export interface DdiDevice {
  readonly deviceId: string;
  readonly credentialId: string;
  /** Null until the device has sent its configData. */
  readonly attributes: Readonly<Record<string, string>> | null;
  /** Action that the device was told of and has not closed. */
  readonly openAction: number | null;
  readonly installedAction: number | null;
}

export async function putDdiCredential(
  db: Db,
  credential: DdiCredential,
  tokenSha256: string,
): Promise<void> {
  await db
    .insertInto("ddi_credentials")
    .values({
      id: credential.id,
      token_sha256: tokenSha256,
      kind: credential.kind,
      device_id: credential.deviceId,
      product: credential.product,
      hardware: credential.hardware,
      tags: JSON.stringify(credential.tags),
      max_devices: credential.maxDevices,
      created_at_ms: credential.createdAtMs,
      revoked_at_ms: credential.revokedAtMs,
    })
    .execute();
}

/** Null for a token that is unknown or revoked. */
export async function findDdiCredential(db: Db, tokenSha256: string): Promise<DdiCredential | null> {
  const row = await db
    .selectFrom("ddi_credentials")
    .selectAll()
    .where("token_sha256", "=", tokenSha256)
    .where("revoked_at_ms", "is", null)
    .executeTakeFirst();
  return row === undefined ? null : credentialOf(row);
}

export async function listDdiCredentials(db: Db): Promise<DdiCredential[]> {
  const rows = await db
    .selectFrom("ddi_credentials")
    .selectAll()
    .orderBy("created_at_ms", "desc")
    .orderBy("id")
    .limit(1000)
    .execute();
  return rows.map(credentialOf);
}

/** @returns false when there is none of this id, or it was revoked before. */
export async function revokeDdiCredential(db: Db, id: string, atMs: number): Promise<boolean> {
  const result = await db
    .updateTable("ddi_credentials")
    .set({ revoked_at_ms: atMs })
    .where("id", "=", id)
    .where("revoked_at_ms", "is", null)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

/** The tokens of one device end, so that a new one is the only one. */
export async function revokeDdiCredentialsOf(db: Db, deviceId: string, atMs: number): Promise<void> {
  await db
    .updateTable("ddi_credentials")
    .set({ revoked_at_ms: atMs })
    .where("device_id", "=", deviceId)
    .where("revoked_at_ms", "is", null)
    .execute();
}

export async function findDdiDevice(db: Db, deviceId: string): Promise<DdiDevice | null> {
  const row = await db
    .selectFrom("ddi_devices")
    .selectAll()
    .where("device_id", "=", deviceId)
    .executeTakeFirst();
  if (row === undefined) return null;
  return {
    deviceId: row.device_id,
    credentialId: row.credential_id,
    attributes: row.attributes === null ? null : JSON.parse(row.attributes),
    openAction: row.open_action,
    installedAction: row.installed_action,
  };
}

export async function putDdiDevice(db: Db, device: DdiDevice): Promise<void> {
  const values = {
    credential_id: device.credentialId,
    attributes: device.attributes === null ? null : JSON.stringify(device.attributes),
    open_action: device.openAction,
    installed_action: device.installedAction,
  };
  await db
    .insertInto("ddi_devices")
    .values({ device_id: device.deviceId, ...values })
    .onConflict((conflict) => conflict.column("device_id").doUpdateSet(values))
    .execute();
}

export async function countDdiDevices(db: Db, credentialId: string): Promise<number> {
  const row = await db
    .selectFrom("ddi_devices")
    .select(({ fn }) => fn.countAll<number>().as("devices"))
    .where("credential_id", "=", credentialId)
    .executeTakeFirst();
  return Number(row?.devices ?? 0);
}

type CredentialRow = Omit<Tables["ddi_credentials"], "token_sha256">;

function credentialOf(row: CredentialRow): DdiCredential {
  return {
    id: row.id,
    kind: row.kind === "gateway" ? "gateway" : "target",
    deviceId: row.device_id,
    product: row.product,
    hardware: row.hardware,
    tags: JSON.parse(row.tags),
    maxDevices: row.max_devices,
    createdAtMs: row.created_at_ms,
    revokedAtMs: row.revoked_at_ms,
  };
}
