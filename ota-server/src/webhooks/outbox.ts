import { randomBytes } from "node:crypto";
import type { WebhookMessage } from "@mote/protocol";
import type { Db } from "../store/store.js";
import { addDelivery, listWebhooks, type WebhookRecord } from "../store/webhooks.js";
import type { Notice } from "./notices.js";

/**
 * Puts a message for every webhook that wants it into the store. Call it in the transaction that makes the notice true: then
 * none is lost by a crash, and none tells of what was undone.
 */
export async function tell(db: Db, notices: readonly Notice[]): Promise<void> {
  if (notices.length === 0) return;
  for (const hook of await listWebhooks(db)) {
    for (const notice of notices) if (wants(hook, notice)) await post(db, hook.id, notice);
  }
}

export async function post(db: Db, webhookId: string, { kind, atMs, data }: Notice): Promise<void> {
  const message: WebhookMessage = { type: kind, timestamp: new Date(atMs).toISOString(), data };
  await addDelivery(db, {
    id: messageId(atMs),
    webhookId,
    body: JSON.stringify(message),
    createdAtMs: atMs,
    attempts: 0,
    nextAtMs: atMs,
    deliveredAtMs: null,
    problem: null,
  });
}

function wants(hook: WebhookRecord, { kind }: Notice): boolean {
  return hook.endedAtMs === null && (hook.kinds === null || hook.kinds.includes(kind));
}

/** Letters that sort by time. */
function messageId(atMs: number): string {
  return `msg_${atMs.toString(36).padStart(9, "0")}${randomBytes(9).toString("hex")}`;
}
