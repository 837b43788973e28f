import type { WebhookKind } from "@mote/protocol";
import type { Db } from "./store.js";

/** The server must sign, so it holds the secret as it is. */
export interface WebhookSecret {
  readonly key: string;
  /** A secret that was replaced signs beside the new one until then; null for the one that holds. */
  readonly endsAtMs: number | null;
}

export interface WebhookRecord {
  readonly id: string;
  readonly url: string;
  /** Null for all. */
  readonly kinds: readonly WebhookKind[] | null;
  readonly secrets: readonly WebhookSecret[];
  readonly createdAtMs: number;
  readonly endedAtMs: number | null;
}

export interface DeliveryRecord {
  readonly id: string;
  readonly webhookId: string;
  readonly body: string;
  readonly createdAtMs: number;
  readonly attempts: number;
  /** Null when it is settled: delivered or given up. */
  readonly nextAtMs: number | null;
  readonly deliveredAtMs: number | null;
  readonly problem: string | null;
}

/** @returns false when the id is taken. */
export async function addWebhook(db: Db, hook: WebhookRecord): Promise<boolean> {
  const result = await db
    .insertInto("webhooks")
    .values({
      id: hook.id,
      url: hook.url,
      kinds: hook.kinds === null ? null : JSON.stringify(hook.kinds),
      secrets: JSON.stringify(hook.secrets),
      created_at_ms: hook.createdAtMs,
      ended_at_ms: hook.endedAtMs,
    })
    .onConflict((conflict) => conflict.column("id").doNothing())
    .executeTakeFirst();
  return (result.numInsertedOrUpdatedRows ?? 0n) > 0n;
}

export async function listWebhooks(db: Db): Promise<WebhookRecord[]> {
  const rows = await db.selectFrom("webhooks").selectAll().orderBy("id").execute();
  return rows.map((row) => ({
    id: row.id,
    url: row.url,
    kinds: row.kinds === null ? null : JSON.parse(row.kinds),
    secrets: JSON.parse(row.secrets),
    createdAtMs: row.created_at_ms,
    endedAtMs: row.ended_at_ms,
  }));
}

export async function setWebhookSecrets(
  db: Db,
  id: string,
  secrets: readonly WebhookSecret[],
): Promise<void> {
  await db
    .updateTable("webhooks")
    .set({ secrets: JSON.stringify(secrets) })
    .where("id", "=", id)
    .execute();
}

export async function endWebhook(db: Db, id: string, atMs: number): Promise<void> {
  await db.updateTable("webhooks").set({ ended_at_ms: atMs }).where("id", "=", id).execute();
  await db.deleteFrom("webhook_deliveries").where("webhook_id", "=", id).execute();
}

/** @returns false when there is none of this id. */
export async function removeWebhook(db: Db, id: string): Promise<boolean> {
  await db.deleteFrom("webhook_deliveries").where("webhook_id", "=", id).execute();
  const result = await db.deleteFrom("webhooks").where("id", "=", id).executeTakeFirst();
  return result.numDeletedRows > 0n;
}

export async function addDelivery(db: Db, delivery: DeliveryRecord): Promise<void> {
  await db
    .insertInto("webhook_deliveries")
    .values({
      id: delivery.id,
      webhook_id: delivery.webhookId,
      body: delivery.body,
      created_at_ms: delivery.createdAtMs,
      ...progressOf(delivery),
    })
    .execute();
}

/** Of one whose webhook was removed meanwhile nothing is left to change. */
export async function updateDelivery(db: Db, delivery: DeliveryRecord): Promise<void> {
  await db
    .updateTable("webhook_deliveries")
    .set(progressOf(delivery))
    .where("id", "=", delivery.id)
    .execute();
}

function progressOf(delivery: DeliveryRecord) {
  return {
    attempts: delivery.attempts,
    next_at_ms: delivery.nextAtMs,
    delivered_at_ms: delivery.deliveredAtMs,
    problem: delivery.problem,
  };
}

/** Oldest first. */
export async function dueDeliveries(db: Db, nowMs: number, limit: number): Promise<DeliveryRecord[]> {
  const rows = await db
    .selectFrom("webhook_deliveries")
    .selectAll()
    .where("next_at_ms", "<=", nowMs)
    .orderBy("id")
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    id: row.id,
    webhookId: row.webhook_id,
    body: row.body,
    createdAtMs: row.created_at_ms,
    attempts: row.attempts,
    nextAtMs: row.next_at_ms,
    deliveredAtMs: row.delivered_at_ms,
    problem: row.problem,
  }));
}

export interface DeliveryCounts {
  readonly pending: number;
  readonly givenUp: number;
  readonly lastDeliveredAtMs: number | null;
  readonly lastProblem: string | null;
}

export async function countDeliveries(db: Db, webhookId: string): Promise<DeliveryCounts> {
  const counts = await db
    .selectFrom("webhook_deliveries")
    .select(({ fn }) => [
      fn.count<number>("next_at_ms").as("pending"),
      fn.countAll<number>().as("all"),
      fn.count<number>("delivered_at_ms").as("delivered"),
      fn.max("delivered_at_ms").as("last"),
    ])
    .where("webhook_id", "=", webhookId)
    .executeTakeFirstOrThrow();
  const problem = await db
    .selectFrom("webhook_deliveries")
    .select("problem")
    .where("webhook_id", "=", webhookId)
    .where("delivered_at_ms", "is", null)
    .where("problem", "is not", null)
    .orderBy("id", "desc")
    .limit(1)
    .executeTakeFirst();
  const [pending, all, delivered] = [counts.pending, counts.all, counts.delivered].map(Number);
  return {
    pending: pending!,
    givenUp: all! - pending! - delivered!,
    lastDeliveredAtMs: counts.last === null ? null : Number(counts.last),
    lastProblem: problem?.problem ?? null,
  };
}

/** Drops settled ones. */
export async function dropOldDeliveries(db: Db, beforeMs: number): Promise<void> {
  await db
    .deleteFrom("webhook_deliveries")
    .where("next_at_ms", "is", null)
    .where("created_at_ms", "<", beforeMs)
    .execute();
}
