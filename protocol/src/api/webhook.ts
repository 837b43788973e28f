import { type Static, Type } from "@sinclair/typebox";
import { Name } from "../bundle/manifest.js";
import { ROLLOUT_STATES } from "./rollout.js";

/** What other programs are told by HTTP when something happens that people wait for (Standard Webhooks). */

const strict = { additionalProperties: false } as const;
const TimeMs = Type.Integer({ minimum: 0, description: "milliseconds since 1970, server's clock" });

export const WEBHOOK_KINDS = [
  ...ROLLOUT_STATES.map((state) => `rollout.${state}` as const),
  /** A wave has opened. */
  "rollout.wave",
  "release.uploaded",
  /** What `mote trust` warns of: a role that expires, or has. Once a day while it lasts. */
  "trust.warning",
  /** Sent on request only. */
  "webhook.test",
] as const;
export const WebhookKind = Type.Union(WEBHOOK_KINDS.map((kind) => Type.Literal(kind)));
export type WebhookKind = Static<typeof WebhookKind>;

/** The body of each request. Its `webhook-id` header stays the same over retries: receivers drop repetitions by it. */
export const WebhookMessage = Type.Object(
  {
    type: WebhookKind,
    /** ISO 8601: when it happened. */
    timestamp: Type.String(),
    data: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Null()])),
  },
  strict,
);
export type WebhookMessage = Static<typeof WebhookMessage>;

export const WebhookRequest = Type.Object(
  {
    id: Name,
    /** https, or http to this machine. */
    url: Type.String({ minLength: 1, maxLength: 2048 }),
    /** Left out: all. */
    kinds: Type.Optional(Type.Array(WebhookKind, { minItems: 1, uniqueItems: true })),
  },
  strict,
);
export type WebhookRequest = Static<typeof WebhookRequest>;

/** The secret is shown in this answer and never again. */
export const WebhookSecretAnswer = Type.Object({ id: Name, secret: Type.String() }, strict);
export type WebhookSecretAnswer = Static<typeof WebhookSecretAnswer>;

export const WebhookView = Type.Object(
  {
    id: Name,
    url: Type.String(),
    /** Null for all. */
    kinds: Type.Union([Type.Array(WebhookKind), Type.Null()]),
    createdAtMs: TimeMs,
    /** The receiver answered 410 Gone; null while it has not. */
    endedAtMs: Type.Union([TimeMs, Type.Null()]),
    /** Messages that wait for their next attempt. */
    pending: Type.Integer({ minimum: 0 }),
    /** Messages that were given up, of those that are still kept. */
    givenUp: Type.Integer({ minimum: 0 }),
    lastDeliveredAtMs: Type.Union([TimeMs, Type.Null()]),
    /** What went wrong last with a message that waits or was given up; null when none did. */
    lastProblem: Type.Union([Type.String(), Type.Null()]),
  },
  strict,
);
export type WebhookView = Static<typeof WebhookView>;

export const WebhooksAnswer = Type.Object({ webhooks: Type.Array(WebhookView) }, strict);
export type WebhooksAnswer = Static<typeof WebhooksAnswer>;
