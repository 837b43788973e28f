import { randomBytes } from "node:crypto";
import { CODECS, createDeviceClient, type DeviceConditions } from "@mote/protocol";
import { nodeSha256, nodeVerify } from "@mote/protocol/node";
import { Agent } from "../core/agent.js";
import type { Clock, InferenceEngine, Log, Sensor } from "../core/ports.js";
import { Session } from "../core/session.js";
import { AGENT_DEFAULTS, type AgentSettings } from "../core/settings.js";
import { AgentStateError } from "../errors.js";
import { nodeClock } from "./clock.js";
import { machineConditions } from "./conditions.js";
import { openDeviceKey } from "./device-key.js";
import { nodeFetch } from "./fetch.js";
import { deviceKeyPath, loadIdentity, openStores } from "./home.js";
import { lockFolder } from "./lock.js";
import { MqttLink } from "./mqtt-link.js";

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
  readonly writeBytesPerS?: number;
  /** Instead of the machine's own: a simulation may live at another time. */
  readonly clock?: Clock;
}

/** Puts an agent together from Node's parts and runs it until `signal` is aborted. */
export async function runAgent(options: AgentOptions, signal: AbortSignal): Promise<void> {
  const { folder, engine, sensor, log } = options;
  const clock = options.clock ?? nodeClock;
  const identity = await loadIdentity(folder);
  const unlock = await lockFolder(folder);
  try {
    const { deviceId, hardware, product, mqttUrl, pollIntervalS } = identity;
    const key = await openDeviceKey(deviceKeyPath(folder));
    if (key.publicKey !== identity.publicKey) throw foreignKey(folder);
    const { writeBytesPerS } = options;
    const stores = await openStores(folder, writeBytesPerS === undefined ? {} : { writeBytesPerS });
    const client = createDeviceClient(options.serverUrl ?? identity.serverUrl, nodeFetch);
    const session = new Session(client, deviceId, key, clock);
    const settings: AgentSettings = { ...AGENT_DEFAULTS, pollIntervalS, ...options.settings };
    const link = new MqttLink({
      url: mqttUrl,
      deviceId,
      session,
      client,
      clock,
      random,
      settings,
      log,
      onPollHint: () => agent.pollSoon(),
      onConnected: () => agent.sender.wake(),
    });
    const agent = await Agent.open({
      deviceId,
      hardware,
      product,
      client,
      session,
      link,
      sensor,
      engine,
      stores,
      fetcher: client,
      clock,
      random,
      crypto: { sha256: nodeSha256, verify: nodeVerify },
      conditions: machineConditions(
        stores.blobs,
        clock,
        options.conditions ?? {},
        options.criticalFile ?? null,
      ),
      settings,
      log,
      agentVersion: AGENT_VERSION,
      codecs: CODECS,
    });
    log({ event: "started", device: deviceId, product, hardware, pid: process.pid });
    await Promise.all([agent.run(signal), link.run(signal)]);
    log({ event: "stopped", device: deviceId });
  } finally {
    await unlock();
  }
}

function random(): number {
  return randomBytes(4).readUInt32LE() / 2 ** 32;
}

function foreignKey(folder: string): AgentStateError {
  return new AgentStateError({
    expected: "the key that this device was enrolled with",
    got: "another one in device.key",
    todo: `Restore ${folder}/device.key from the device's backup, or remove the folder and enrol anew.`,
  });
}
