import type { UpdateReport } from "@mote/protocol";
import { tally } from "./counters.js";
import type { Db } from "./store.js";

/** @returns false when a report of this id is stored already: it is acknowledged again and not counted again. */
export async function addReport(
  db: Db,
  deviceId: string,
  report: UpdateReport,
  atMs: number,
): Promise<boolean> {
  const result = await db
    .insertInto("reports")
    .values({
      device_id: deviceId,
      id: report.id,
      received_at_ms: atMs,
      offer_id: report.offerId,
      body: JSON.stringify(report),
    })
    .onConflict((conflict) => conflict.columns(["device_id", "id"]).doNothing())
    .executeTakeFirst();
  const isNew = (result.numInsertedOrUpdatedRows ?? 0n) > 0n;
  if (isNew) tally(db, "reports", 1);
  return isNew;
}

export async function listReports(
  db: Db,
  deviceId: string,
  limit: number,
): Promise<{ receivedAtMs: number; report: UpdateReport }[]> {
  const rows = await db
    .selectFrom("reports")
    .select(["received_at_ms", "body"])
    .where("device_id", "=", deviceId)
    .orderBy("received_at_ms", "desc")
    .limit(limit)
    .execute();
  return rows.map((row) => ({ receivedAtMs: row.received_at_ms, report: JSON.parse(row.body) }));
}
