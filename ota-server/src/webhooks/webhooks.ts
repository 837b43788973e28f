import { randomBytes } from "node:crypto";
import type { WebhookRequest, WebhookSecretAnswer, WebhookView } from "@mote/protocol";
import type { Clock } from "../clock.js";
import { isLoopback } from "../config.js";
import { ConflictError, NotFoundError, PreconditionError } from "../errors.js";
import type { Store } from "../store/store.js";
import {
  addWebhook,
  countDeliveries,
  listWebhooks,
  removeWebhook,
  setWebhookSecrets,
  type WebhookRecord,
} from "../store/webhooks.js";
import { post } from "./outbox.js";

/** A secret that was replaced signs for so long beside the new one, so that receivers can change over without a gap. */
const OVERLAP_MS = 24 * 3_600_000;
const SECRET_BYTES = 32;
const MAX_WEBHOOKS = 32;

/** Who wants to be told of what, and where. */
export class Webhooks {
  private readonly store: Store;
  private readonly clock: Clock;

  constructor(store: Store, clock: Clock) {
    this.store = store;
    this.clock = clock;
  }

  /** Throws PreconditionError for an address that is not safe, ConflictError for an id that is taken. */
  async add({ id, url, kinds }: WebhookRequest): Promise<WebhookSecretAnswer> {
    const key = newKey();
    const hook: WebhookRecord = {
      id,
      url: checkUrl(url),
      kinds: kinds ?? null,
      secrets: [{ key, endsAtMs: null }],
      createdAtMs: this.clock(),
      endedAtMs: null,
    };
    const added = await this.store.write(async (db) => {
      if ((await listWebhooks(db)).length >= MAX_WEBHOOKS) return "full";
      return (await addWebhook(db, hook)) ? "added" : "taken";
    });
    if (added === "added") return { id, secret: key };
    throw new ConflictError({
      expected: added === "taken" ? "an id that no webhook has" : `at most ${MAX_WEBHOOKS} webhooks`,
      got: added === "taken" ? id : "one more",
      todo: "`mote webhook list` shows them; `mote webhook remove` ends one.",
    });
  }

  async list(): Promise<WebhookView[]> {
    return this.store.read(async (db) => {
      const hooks = await listWebhooks(db);
      return Promise.all(
        hooks.map(async ({ id, url, kinds, createdAtMs, endedAtMs }) => ({
          id,
          url: withoutQuery(url),
          kinds: kinds === null ? null : [...kinds],
          createdAtMs,
          endedAtMs,
          ...(await countDeliveries(db, id)),
        })),
      );
    });
  }

  /** Throws NotFoundError. */
  async remove(id: string): Promise<void> {
    if (!(await this.store.write((db) => removeWebhook(db, id)))) throw unknown(id);
  }

  /** A new secret; the one before signs beside it for a day. Throws NotFoundError. */
  async rotate(id: string): Promise<WebhookSecretAnswer> {
    const key = newKey();
    const endsAtMs = this.clock() + OVERLAP_MS;
    await this.store.write(async (db) => {
      const [before] = find(await listWebhooks(db), id).secrets;
      const old = before === undefined ? [] : [{ ...before, endsAtMs }];
      await setWebhookSecrets(db, id, [{ key, endsAtMs: null }, ...old]);
    });
    return { id, secret: key };
  }

  /** Queues a message of the kind `webhook.test`. Throws NotFoundError. */
  async test(id: string): Promise<void> {
    const atMs = this.clock();
    await this.store.write(async (db) => {
      const hook = find(await listWebhooks(db), id);
      await post(db, hook.id, { kind: "webhook.test", atMs, data: { webhook: id } });
    });
  }
}

function find(hooks: readonly WebhookRecord[], id: string): WebhookRecord {
  const hook = hooks.find((one) => one.id === id && one.endedAtMs === null);
  if (hook === undefined) throw unknown(id);
  return hook;
}

function unknown(id: string): NotFoundError {
  return new NotFoundError({
    expected: "the id of a webhook that has not ended",
    got: JSON.stringify(id),
    todo: "`mote webhook list` shows them.",
  });
}

/** The form of Standard Webhooks: "whsec_" and the key in base64. */
function newKey(): string {
  return `whsec_${randomBytes(SECRET_BYTES).toString("base64")}`;
}

/** Messages are signed, not encrypted. */
function checkUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isSafe = url?.protocol === "https:" || (url?.protocol === "http:" && isLoopback(url.hostname));
  if (url !== null && isSafe && url.username === "" && url.password === "") return url.href;
  throw new PreconditionError({
    expected: "an https address without a password, or http to this machine",
    got: url === null ? "no address" : `${url.protocol}//${url.username === "" ? "" : "…@"}${url.host}`,
    todo: "Give the receiver TLS; it knows messages by their signature.",
  });
}

/** Some receivers put a key into their address. */
function withoutQuery(text: string): string {
  const url = new URL(text);
  if (url.search !== "") url.search = "?…";
  return decodeURI(url.href);
}
