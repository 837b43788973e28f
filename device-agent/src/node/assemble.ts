import { CODECS, createDeviceClient, type DeviceClient, type DeviceConditions } from "@mote/protocol";
import { nodeSha256, nodeVerify } from "@mote/protocol/node";
import { Agent, type AgentDeps } from "../core/agent.js";
import { ConfirmedLink } from "../core/confirmed-link.js";
import { Exchange } from "../core/exchange.js";
import type { Clock, InferenceEngine, Log, Sensor } from "../core/ports.js";
import { type DeviceKey, Session, type SessionDoor } from "../core/session.js";
import { AGENT_DEFAULTS, type AgentSettings } from "../core/settings.js";
import { AgentStateError } from "../errors.js";
import { nodeClock } from "./clock.js";
import { machineConditions } from "./conditions.js";
import { openDeviceKey } from "./device-key.js";
import { nodeFetch } from "./fetch.js";
import { deviceKeyPath, loadIdentity, openStores } from "./home.js";
import { lockFolder } from "./lock.js";
import { MqttLink } from "./mqtt-link.js";
import { MqttSignIn } from "./mqtt-sign-in.js";
import { secureRandom as random } from "./random.js";
import { isMqttUrl, type Transport, type Way, wayOf } from "./transport.js";

export const AGENT_VERSION = "0.1.0";

export interface AgentOptions {
  readonly folder: string;
  readonly engine: InferenceEngine;
  readonly sensor: Sensor;
  readonly log: Log;
  readonly settings?: Partial<AgentSettings>;
  /** Conditions that a person states because the machine can't tell them. */
  readonly conditions?: Partial<DeviceConditions>;
  /** While this file exists, no update disturbs the device that must not be disturbed. */
  readonly criticalFile?: string;
  /** Instead of the address of enrolment: a gateway or a cache on the way. */
  readonly serverUrl?: string;
  /** Instead of what the server's address says: everything over MQTT, or updates over HTTP. */
  readonly transport?: Transport;
  readonly writeBytesPerS?: number;
  /** Instead of the machine's own: a simulation may live at another time. */
  readonly clock?: Clock;
}

/** Puts an agent together from Node's parts and runs it until `signal` is aborted. */
export async function runAgent(options: AgentOptions, signal: AbortSignal): Promise<void> {
  const { folder, log } = options;
  const clock = options.clock ?? nodeClock;
  const identity = await loadIdentity(folder);
  const unlock = await lockFolder(folder);
  try {
    const { deviceId, hardware, product, pollIntervalS } = identity;
    const way = wayOf(identity, options);
    const key = await openDeviceKey(deviceKeyPath(folder));
    if (key.publicKey !== identity.publicKey) throw foreignKey(folder);
    const { writeBytesPerS } = options;
    const stores = await openStores(folder, writeBytesPerS === undefined ? {} : { writeBytesPerS });
    const conditions = machineConditions(
      stores.blobs,
      clock,
      options.conditions ?? {},
      options.criticalFile ?? null,
    );
    const settings: AgentSettings = { ...AGENT_DEFAULTS, pollIntervalS, ...options.settings };
    log({ event: "started", device: deviceId, product, hardware, pid: process.pid });
    await liveAs(
      { ...options, deviceId, hardware, product, way, key, stores, clock, conditions, settings, random },
      signal,
    );
    log({ event: "stopped", device: deviceId });
  } finally {
    await unlock();
  }
}

/** What an agent on Node is made of, wherever it keeps what it must remember. */
export interface AgentParts
  extends Pick<
    AgentDeps,
    | "clock"
    | "conditions"
    | "deviceId"
    | "engine"
    | "hardware"
    | "log"
    | "product"
    | "random"
    | "sensor"
    | "settings"
    | "stores"
    | "windowClock"
  > {
  readonly way: Way;
  readonly key: DeviceKey;
  /** Stands between the agent and the server. */
  readonly between?: (client: DeviceClient) => DeviceClient;
}

/** Connects the parts and runs the agent until `signal` is aborted. */
export async function liveAs(parts: AgentParts, signal: AbortSignal): Promise<void> {
  const { deviceId, key, clock, random, settings, log, between = (client) => client } = parts;
  const { serverUrl, mqttUrl, isMqttAlone } = parts.way;
  const exchange = new Exchange({
    base: mqttUrl,
    send: (payload) => link.request(payload),
    clock,
    random,
  });
  const overMqtt: DeviceClient = between(createDeviceClient(mqttUrl, exchange.fetch));
  const overHttp = isMqttUrl(serverUrl) ? null : between(createDeviceClient(serverUrl, nodeFetch));
  const client = isMqttAlone || overHttp === null ? overMqtt : overHttp;
  const door: SessionDoor = isMqttAlone
    ? new MqttSignIn(mqttUrl, () => (link.isReady ? overMqtt : null), overHttp)
    : client;
  const session = new Session(door, deviceId, key, clock);
  const link = new MqttLink({
    url: mqttUrl,
    deviceId,
    session,
    clock,
    random,
    settings,
    log,
    onPollHint: () => agent.pollSoon(),
    onAskAgain: () => exchange.askAgain(),
    onAnswer: (payload) => exchange.receive(payload),
    onConnected: () => agent.sender.wake(),
    onDisconnected: () => exchange.lost(),
  });
  const agent = await Agent.open({
    ...parts,
    client,
    session,
    link: new ConfirmedLink(link, overMqtt, session, deviceId),
    fetcher: {
      metadata: (file, maxBytes, signal) => client.metadata(file, maxBytes, signal),
      // Over MQTT the connection says who asks.
      blob: (sha256, from, signal) =>
        isMqttAlone
          ? client.blob(sha256, from, null, signal)
          : session.with((token) => client.blob(sha256, from, token, signal)),
    },
    crypto: { sha256: nodeSha256, verify: nodeVerify },
    agentVersion: AGENT_VERSION,
    codecs: CODECS,
  });
  await Promise.all([agent.run(signal), link.run(signal)]);
}

function foreignKey(folder: string): AgentStateError {
  return new AgentStateError({
    expected: "the key that this device was enrolled with",
    got: "another one in device.key",
    todo: `Restore ${folder}/device.key from the device's backup, or remove the folder and enrol anew.`,
  });
}
