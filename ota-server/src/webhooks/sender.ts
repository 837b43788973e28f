import { Webhook } from "standardwebhooks";
import type { Clock } from "../clock.js";
import type { Log } from "../log.js";
import type { Store } from "../store/store.js";
import {
  type DeliveryRecord,
  dropOldDeliveries,
  dueDeliveries,
  endWebhook,
  listWebhooks,
  updateDelivery,
  type WebhookRecord,
} from "../store/webhooks.js";

export const WEBHOOK_LIMITS = {
  /** Pauses after the first, second, … attempt; after the last one the message is given up, three days in all. */
  retryAfterS: [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400],
  answerTimeoutMs: 15_000,
  /** Messages that are looked at in one round. */
  perRound: 200,
  /** Settled messages are kept for `mote webhook list` to count. */
  keptMs: 7 * 86_400_000,
} as const;

const GONE = 410;

export interface SenderParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly fetch: typeof fetch;
}

/** Carries messages from the store to their receivers: at least once, one after the other for each webhook. */
export class WebhookSender {
  private readonly parts: SenderParts;
  private readonly underWay = new Map<string, Promise<void>>();
  private readonly stopped = new AbortController();

  constructor(parts: SenderParts) {
    this.parts = parts;
  }

  /** Starts what is due; a slow receiver holds up nobody else. For the leading server, again and again. */
  async round(): Promise<void> {
    const { store, clock, log } = this.parts;
    const due = await store.read((db) => dueDeliveries(db, clock(), WEBHOOK_LIMITS.perRound));
    if (due.length === 0) return;
    for (const hook of await store.read(listWebhooks)) {
      const mine = due.filter(({ webhookId }) => webhookId === hook.id);
      if (mine.length === 0 || this.underWay.has(hook.id)) continue;
      const work = this.deliver(hook, mine)
        .catch((error: unknown) => log.error("webhook", error, { webhook: hook.id }))
        .finally(() => this.underWay.delete(hook.id));
      this.underWay.set(hook.id, work);
    }
  }

  async tidy(): Promise<void> {
    const { store, clock } = this.parts;
    await store.write((db) => dropOldDeliveries(db, clock() - WEBHOOK_LIMITS.keptMs));
  }

  /** What is on its way is cut off and comes again after the next start. */
  async close(): Promise<void> {
    this.stopped.abort();
    await Promise.all(this.underWay.values());
  }

  private async deliver(hook: WebhookRecord, messages: readonly DeliveryRecord[]): Promise<void> {
    const { store, clock, log } = this.parts;
    for (const message of messages) {
      const outcome = await this.attempt(hook, message);
      if (this.stopped.signal.aborted) return;
      const nowMs = clock();
      if (outcome.status === GONE) {
        await store.write((db) => endWebhook(db, hook.id, nowMs));
        log.warn("webhook-ended", { webhook: hook.id });
        return;
      }
      const next = afterAttempt(message, outcome.problem, nowMs);
      await store.write((db) => updateDelivery(db, next));
      if (outcome.problem === null) continue;
      const { attempts, nextAtMs } = next;
      log.warn("webhook-failed", { webhook: hook.id, problem: outcome.problem, attempts, nextAtMs });
      // The others would meet the same receiver; they are due again in the next round.
      return;
    }
  }

  private async attempt(
    hook: WebhookRecord,
    message: DeliveryRecord,
  ): Promise<{ status: number | null; problem: string | null }> {
    const nowMs = this.parts.clock();
    try {
      const response = await this.parts.fetch(hook.url, {
        method: "POST",
        body: message.body,
        headers: {
          "content-type": "application/json",
          "user-agent": "mote-server",
          ...signatureHeaders(hook, message, nowMs),
        },
        // A receiver that has moved must be told so by a person: its new address was never allowed.
        redirect: "manual",
        signal: AbortSignal.any([this.stopped.signal, AbortSignal.timeout(WEBHOOK_LIMITS.answerTimeoutMs)]),
      });
      await response.body?.cancel();
      const { status } = response;
      return { status, problem: status >= 200 && status < 300 ? null : `answered ${status}` };
    } catch (error) {
      return { status: null, problem: reasonOf(error) };
    }
  }
}

/** Pure: the message after an attempt. @param problem null when it was taken. */
export function afterAttempt(message: DeliveryRecord, problem: string | null, nowMs: number): DeliveryRecord {
  const attempts = message.attempts + 1;
  if (problem === null) return { ...message, attempts, nextAtMs: null, deliveredAtMs: nowMs, problem: null };
  const pauseS = WEBHOOK_LIMITS.retryAfterS[attempts - 1];
  return { ...message, attempts, nextAtMs: pauseS === undefined ? null : nowMs + 1000 * pauseS, problem };
}

/** Standard Webhooks 1.0: the id is the same at every attempt, the time is that of the attempt. */
function signatureHeaders(
  hook: WebhookRecord,
  message: DeliveryRecord,
  nowMs: number,
): Record<string, string> {
  const at = new Date(nowMs);
  const signatures = hook.secrets
    .filter(({ endsAtMs }) => endsAtMs === null || nowMs < endsAtMs)
    .map(({ key }) => new Webhook(key).sign(message.id, at, message.body));
  return {
    "webhook-id": message.id,
    "webhook-timestamp": String(Math.floor(nowMs / 1000)),
    "webhook-signature": signatures.join(" "),
  };
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return `no answer within ${WEBHOOK_LIMITS.answerTimeoutMs / 1000} s`;
  return error.cause instanceof Error ? error.cause.message : error.message;
}
