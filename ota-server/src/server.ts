import { dirname, join, resolve } from "node:path";
import { makeFolder } from "@mote/protocol/node";
import type { FastifyInstance } from "fastify";
import { syncFolder, writeDurably } from "./blobs/durable.js";
import { openBlobs } from "./blobs/openBlobs.js";
import { Catalog } from "./catalog/catalog.js";
import { Consumers } from "./catalog/consumers.js";
import { Chores } from "./chores.js";
import type { Clock } from "./clock.js";
import type { Config } from "./config.js";
import { DdiController } from "./ddi/ddiController.js";
import { DdiDevices } from "./ddi/ddiDevices.js";
import { FileHasher } from "./ddi/fileHashes.js";
import { Delivery } from "./delivery/delivery.js";
import type { PatchWorker } from "./delivery/patchWorker.js";
import { connectionsWithin, descriptorLimit, descriptorNote } from "./descriptors.js";
import { StoreError } from "./errors.js";
import { Events } from "./events.js";
import { DeviceCache } from "./fleet/deviceCache.js";
import { DownloadRights } from "./fleet/downloadRights.js";
import { Enrolment } from "./fleet/enrolment.js";
import { LoadMeter } from "./fleet/loadMeter.js";
import { Pacing } from "./fleet/pacing.js";
import { Polls } from "./fleet/polls.js";
import { Reports } from "./fleet/reports.js";
import { RequestLimit } from "./fleet/requestLimit.js";
import { SESSION_LIMITS, Sessions } from "./fleet/sessions.js";
import { createApp } from "./http/app.js";
import { People } from "./http/auth.js";
import { ContentCodings } from "./http/contentCoding.js";
import { type Attempt, SignInThrottle } from "./http/throttle.js";
import type { Log } from "./log.js";
import { Ingest } from "./monitor/ingest.js";
import { Metrics } from "./monitor/metrics.js";
import { rollUpTelemetry } from "./monitor/retention.js";
import { Broker, MQTT_LIMITS } from "./mqtt/broker.js";
import type { MqttSide } from "./mqtt/door.js";
import { Exchange } from "./mqtt/exchange.js";
import { openExternalBroker } from "./mqtt/external/open.js";
import { openWebSocketDoor } from "./mqtt/webSocket.js";
import { Pace } from "./pace.js";
import { RolloutEngine } from "./rollout/engine.js";
import { newSecret, sha256Hex } from "./secrets.js";
import { appendAudit } from "./store/audit.js";
import { setAllOffline } from "./store/devices.js";
import { dropOldNonces } from "./store/nonces.js";
import { listPeople, putPerson } from "./store/people.js";
import { Store, type StoreSource } from "./store/store.js";
import { certificateNotes, readTls } from "./tls.js";
import { loadPublished } from "./trust/published.js";
import { TrustRepository } from "./trust/repository.js";
import { openServerKeys } from "./trust/serverKeys.js";
import { WebhookSender } from "./webhooks/sender.js";
import { TrustWatch } from "./webhooks/trustWatch.js";
import { Webhooks } from "./webhooks/webhooks.js";

export const VERSION = "0.1.0";
/** In the data folder: what the first admin signs in with. */
export const ADMIN_TOKEN_FILE = "admin.token";
const HEARTBEAT_MS = 60_000;
const WEBHOOK_ROUND_MS = 1000;
const ROLL_UP_MS = 6 * 3_600_000;

export interface ServerParts {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  /** Closed with the server. */
  readonly patches: PatchWorker;
}

/** The whole server: opens its rooms bottom-up, listens, and closes them top-down. */
export class MoteServer {
  readonly url: string;
  readonly mqttUrl: string;
  readonly notes: readonly string[];
  private readonly app: FastifyInstance;
  private readonly broker: MqttSide;
  private readonly ingest: Ingest;
  private readonly polls: Polls;
  readonly store: Store;
  private readonly chores: Chores;
  private readonly log: Log;
  private readonly patches: PatchWorker;
  private readonly sender: WebhookSender;

  private constructor(opened: {
    url: string;
    mqttUrl: string;
    app: FastifyInstance;
    broker: MqttSide;
    ingest: Ingest;
    polls: Polls;
    store: Store;
    chores: Chores;
    log: Log;
    patches: PatchWorker;
    notes: readonly string[];
    sender: WebhookSender;
  }) {
    this.url = opened.url;
    this.mqttUrl = opened.mqttUrl;
    this.app = opened.app;
    this.broker = opened.broker;
    this.ingest = opened.ingest;
    this.polls = opened.polls;
    this.store = opened.store;
    this.chores = opened.chores;
    this.log = opened.log;
    this.patches = opened.patches;
    this.notes = opened.notes;
    this.sender = opened.sender;
  }

  /** @throws ConfigError, StoreError, KeyFileError; whatever was opened by then is closed again. */
  static async start(parts: ServerParts): Promise<MoteServer> {
    const store = await Store.open(storeOf(parts.config));
    try {
      return await MoteServer.startOn(store, parts);
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  private static async startOn(store: Store, parts: ServerParts): Promise<MoteServer> {
    const { config, clock, log } = parts;
    const descriptors = descriptorLimit();
    const few = config.mqttBroker === undefined ? descriptorNote(descriptors) : null;
    const notes = [...store.notes, ...parts.patches.notes, ...(few === null ? [] : [few])];
    const tls = readTls(config);
    for (const note of [...notes, ...certificateNotes(tls, clock())]) log.warn("note", { note });
    const { peers } = store;
    await makeFolder(config.data, 0o700);
    if (!peers.isShared) await store.write(setAllOffline);
    await peers.exclusively("first-admin", () => makeFirstAdmin(store, config.data, clock(), log));
    const events = new Events((event) => peers.send({ type: "event", event }));
    const blobs = await openBlobs(config.blobs ?? join(config.data, "blobs"));
    const keyFolder = config.serverKeys ?? join(config.data, "keys");
    const hasRoot = (await store.read(loadPublished)) !== null;
    const { keys, made } = await openServerKeys(keyFolder, hasRoot);
    if (made) {
      // A root that names these keys outlives them otherwise, when the power fails.
      await syncFolder(keyFolder);
      log.info("keys-made", { folder: keyFolder });
    }
    const trust = await TrustRepository.open({ store, keys, clock, log, events });
    if (peers.isShared) trust.checkKeys();
    // The engine hints through the broker, whose doors lead to the engine.
    const hints = { send: (_product: string): void => undefined };
    const engine = new RolloutEngine({
      store,
      clock,
      log,
      events,
      checkSigned: async (release) => trust.checkOfferable(release),
      hint: (product) => hints.send(product),
    });
    await engine.load();
    const devices = new DeviceCache(store, clock);
    const sessions = await Sessions.open(store, devices, clock);
    const reports = new Reports({ store, engine, events, clock });
    const ingest = peers.isShared
      ? Ingest.direct(store, events, clock)
      : await Ingest.open(store, events, clock, join(config.data, "frames"));
    // What devices ask over MQTT is answered by the doors of HTTP; nobody is let in before they are open.
    const rights = await DownloadRights.open(store, clock);
    const exchange = new Exchange(
      (request) => app.inject(request),
      (sha256) => rights.pass(sha256),
    );
    const mqttParts = { sessions, ingest, reports, store, events, clock, log, tls, exchange };
    const maxConnections = descriptors === null ? null : connectionsWithin(descriptors);
    const embedded =
      config.mqttBroker === undefined ? await Broker.open({ ...mqttParts, maxConnections }) : null;
    const broker: MqttSide = embedded ?? openExternalBroker(config, mqttParts);
    hints.send = (product) => {
      broker.hint(product);
      peers.send({ type: "hint", product });
    };
    peers.hear((message) => {
      if (message.type === "event") events.receive(message.event);
      if (message.type === "hint") broker.hint(message.product);
      if (message.type === "disconnect") broker.disconnect(message.deviceId);
    });
    const mqttUrlAt = (hostname: string) => config.publicMqttUrl ?? config.mqttBroker ?? ownMqttUrl(hostname);
    const throttle = new SignInThrottle(
      clock,
      (attempt, pauseMs) => noteSlowedSignIn(store, log, clock(), attempt, pauseMs),
      config.freeSignInFailures,
    );
    const limit = new RequestLimit(config.deviceRequestsPerMinute, clock);
    const codings = new ContentCodings();
    const people = new People(store, throttle, config.demoOpenConsole);
    const enrolment = new Enrolment(store, clock);
    const delivery = new Delivery(
      store,
      blobs,
      (codec, base, target, layouts) => parts.patches.make(codec, base, target, layouts),
      log,
    );
    const { pollIntervalS } = config;
    const load = new LoadMeter();
    const pacing = new Pacing(pollIntervalS, () => load.current);
    const polls = new Polls({ store, devices, engine, delivery, trust, events, clock, log, pacing });
    const ddiDevices = new DdiDevices(store, clock);
    const hasher = new FileHasher(blobs);
    const ddi = new DdiController({
      store,
      engine,
      trust,
      reports,
      devices: ddiDevices,
      hasher,
      rights,
      pacing,
      clock,
    });
    const catalog = new Catalog(store, blobs, trust, clock);
    const app = await createApp({
      blobs: { blobs, rights, sessions, people, codings, isOpen: config.downloadsFor === "anyone" },
      log,
      tls,
      trustProxy: config.trustProxy,
      device: {
        enrolment,
        sessions,
        reports,
        ingest,
        trust,
        throttle,
        codings,
        limit,
        mqttUrl: mqttUrlAt,
        pollIntervalS,
        brokerCredential: (deviceId) => broker.credentialFor(deviceId),
      },
      poll: { sessions, polls, limit },
      ddi: {
        controller: ddi,
        devices: ddiDevices,
        people,
        throttle,
        limit,
        store,
        clock,
        publicUrl: config.publicUrl ?? null,
      },
      operator: {
        people,
        catalog,
        trust,
        enrolment,
        engine,
        store,
        events,
        clock,
        disconnect: (id) => {
          broker.disconnect(id);
          peers.send({ type: "disconnect", deviceId: id });
        },
        settleTelemetry: () => ingest.flush(),
      },
      catalog: { people, catalog, consumers: new Consumers(store, clock), engine },
      rollout: { people, engine, store, clock },
      people: { people, store, clock },
      webhooks: { people, webhooks: new Webhooks(store, clock) },
      metrics: new Metrics({ store, engine, broker }),
      live: {
        people,
        events,
        version: VERSION,
        problems: async () => [...(await problemsOf(store)), ...broker.problems],
        notes: () => [...notes, ...certificateNotes(tls, clock()), ...trust.describe().warnings],
      },
      console: { people, throttle, isTls: tls !== null },
    });
    const webSockets =
      embedded === null
        ? null
        : openWebSocketDoor(
            app.server,
            (stream, address) => embedded.accept(stream, address),
            MQTT_LIMITS.payloadMaxBytes,
          );
    // Before the server waits for its connections: those that were upgraded it would wait for in vain.
    app.addHook("preClose", async () => {
      webSockets?.close();
      load.close();
    });
    // The names of the folders that were just made; what is written into them counts from now on.
    await syncFolder(config.data);
    await syncFolder(dirname(resolve(config.data)));
    const mqttPort = await embedded?.listen(config.mqttPort, config.host);
    const ownMqttUrl = (hostname: string) =>
      `${tls === null ? "mqtt" : "mqtts"}://${bracketed(isWildcard(config.host) ? hostname : config.host)}:${mqttPort}`;
    const listening = await app.listen({ port: config.port, host: config.host });
    // Fastify does not know that the server it was given speaks TLS.
    const url = tls === null ? listening : listening.replace(/^http:/, "https:");
    const behind = { store, ingest, polls, pace: new Pace(clock) };
    const led = (work: () => Promise<void>) => async () => {
      if (peers.isLeader) await work();
    };
    const sender = new WebhookSender({ store, clock, log, fetch });
    const watch = new TrustWatch(store, clock, () => trust.describe().warnings);
    const chores = new Chores(log);
    chores.add("tick", config.tickMs, () => tick(behind, engine, trust));
    chores.add(
      "webhooks",
      WEBHOOK_ROUND_MS,
      led(() => sender.round()),
    );
    chores.add(
      "heartbeat",
      HEARTBEAT_MS,
      led(() => trust.heartbeat()),
    );
    chores.add(
      "trust-watch",
      HEARTBEAT_MS,
      led(() => watch.look()),
    );
    chores.add(
      "tidy",
      ROLL_UP_MS,
      led(async () => {
        await tidy(store, clock, log);
        await sender.tidy();
      }),
    );
    const { patches } = parts;
    const mqttUrl = mqttUrlAt("localhost");
    return new MoteServer({
      ...{ url, mqttUrl, app, broker, ingest, polls, store, chores, log, patches, notes, sender },
    });
  }

  /** Stops taking requests, finishes those under way, then closes the store. */
  async close(): Promise<void> {
    // A receiver that does not answer is given up, so that its round ends.
    await Promise.all([this.chores.stop(), this.sender.close()]);
    await this.broker.close();
    await this.ingest.close();
    await this.app.close();
    await this.polls.flush();
    await this.patches.close();
    await this.store.close();
    this.log.info("closed");
  }
}

/** One server judges the rollouts of a store; the others keep up with what it decides. */
async function tick(
  { store, ingest, polls, pace }: { store: Store; ingest: Ingest; polls: Polls; pace: Pace },
  engine: RolloutEngine,
  trust: TrustRepository,
): Promise<void> {
  // What gates judge by is what has been taken in until now, or some seconds ago on a busy server.
  if (pace.isDue) {
    await pace.run(async () => {
      await ingest.flush(true);
      await polls.flush();
    });
  }
  if (store.peers.isLeader) await engine.tick();
  else await engine.follow();
  if (store.peers.isShared) await trust.follow();
}

async function tidy(store: Store, clock: Clock, log: Log): Promise<void> {
  const rows = await rollUpTelemetry(store, clock);
  if (rows > 0) log.info("telemetry-rolled-up", { rows });
  await store.write((db) => dropOldNonces(db, clock() - 2 * SESSION_LIMITS.nonceLifetimeMs));
}

/** The first start makes one admin, whose token only the server's own user can read. */
async function makeFirstAdmin(store: Store, folder: string, nowMs: number, log: Log): Promise<void> {
  if ((await store.read(listPeople)).length > 0) return;
  const token = newSecret("mote");
  const file = join(folder, ADMIN_TOKEN_FILE);
  // The file first: a token that is stored but written nowhere would lock everybody out.
  await writeDurably(file, `${token}\n`);
  await store.write((db) =>
    putPerson(db, { id: "admin", role: "admin", createdAtMs: nowMs, revokedAtMs: null }, sha256Hex(token)),
  );
  log.info("admin-made", { file });
}

function storeOf({ data, database }: Config): StoreSource {
  return database === undefined ? { folder: data } : { url: database };
}

/** Guessing is part of the story that the audit tells; one entry for each pause, not for each guess. */
function noteSlowedSignIn(store: Store, log: Log, atMs: number, attempt: Attempt, pauseMs: number): void {
  const detail = { address: attempt.address, account: attempt.account, pauseMs };
  log.warn("sign-in-slowed", detail);
  const entry = {
    atMs,
    by: "anyone",
    action: "sign-in slowed after failures",
    status: 429,
    detail: JSON.stringify(detail),
  };
  store.write((db) => appendAudit(db, entry)).catch((error: unknown) => log.error("audit", error, detail));
}

async function problemsOf(store: Store): Promise<string[]> {
  try {
    await store.ping();
    return [];
  } catch (error) {
    return [error instanceof StoreError ? error.message : "the store does not answer"];
  }
}

/** Listens on all addresses; devices must be told the one by which they came. */
function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

function bracketed(host: string): string {
  return host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
}
