import type { Db } from "./db.js";

/** A device that a wave is compared with, and the release that it ran when the wave opened. */
export interface Control {
  readonly deviceId: string;
  readonly sequence: number;
}

/** Rows of one statement. */
const ROWS = 1000;

/**
 * The control group of a rollout's current wave. It is drawn when the wave opens, out of devices that could have been in
 * the wave at that moment, and stays: a group that loses whoever falls ill would flatter itself.
 */
export async function putControls(db: Db, rolloutId: string, controls: readonly Control[]): Promise<void> {
  await db.deleteFrom("rollout_controls").where("rollout_id", "=", rolloutId).execute();
  for (let at = 0; at < controls.length; at += ROWS) {
    const rows = controls
      .slice(at, at + ROWS)
      .map(({ deviceId, sequence }) => ({ rollout_id: rolloutId, device_id: deviceId, sequence }));
    await db.insertInto("rollout_controls").values(rows).execute();
  }
}

export async function listControls(db: Db, rolloutId: string): Promise<Control[]> {
  const rows = await db
    .selectFrom("rollout_controls")
    .selectAll()
    .where("rollout_id", "=", rolloutId)
    .orderBy("device_id")
    .execute();
  return rows.map((row) => ({ deviceId: row.device_id, sequence: row.sequence }));
}
