import { randomBytes } from "node:crypto";
import {
  createDeviceClient,
  type EnrollAnswer,
  pinRoot,
  type RehearsedDevice,
  type RehearsedFleet,
  UNKNOWN_CONDITIONS,
} from "@mote/protocol";
import type { Clock, LogEntry } from "../../core/ports.js";
import type { DeviceKey } from "../../core/session.js";
import { AGENT_DEFAULTS, type AgentSettings } from "../../core/settings.js";
import { liveAs } from "../assemble.js";
import { nodeClock } from "../clock.js";
import { deviceKeyOf } from "../device-key.js";
import { nodeFetch } from "../fetch.js";
import { faultyClient } from "./faulty-client.js";
import { memoryStores } from "./memory-stores.js";
import { syntheticEngine, syntheticSensor } from "./synthetic-model.js";

/** Inferences of one telemetry window: enough for a mean, few enough for hundreds of devices in one process. */
const INFERENCES_PER_WINDOW = 16;
/** Pauses are not compressed below these, milliseconds: the network and the server are as slow as ever. */
const LEAST_MS = { retry: 100, longestRetry: 2_000, preconditions: 250 } as const;

/** How fast this fleet lives. */
export function rehearsalSettings({ speed, windowS }: RehearsedFleet): Partial<AgentSettings> {
  const { retryFirstMs, retryMaxMs, preconditionsEveryMs } = AGENT_DEFAULTS;
  const windowMs = (1000 * windowS) / speed;
  return {
    windowMs,
    rateHz: (1000 * INFERENCES_PER_WINDOW) / windowMs,
    retryFirstMs: Math.max(LEAST_MS.retry, retryFirstMs / speed),
    retryMaxMs: Math.max(LEAST_MS.longestRetry, retryMaxMs / speed),
    preconditionsEveryMs: Math.max(LEAST_MS.preconditions, preconditionsEveryMs / speed),
  };
}

export interface RehearsedLife {
  readonly serverUrl: string;
  readonly root: Uint8Array;
  readonly fleet: RehearsedFleet;
  readonly classes: number;
  readonly log: (device: string, entry: LogEntry) => void;
}

export interface Enrolled {
  readonly device: RehearsedDevice;
  readonly key: DeviceKey;
  readonly answer: EnrollAnswer;
}

/** Throws NetworkError, ServerRefusedError. */
export async function enrolRehearsed(device: RehearsedDevice, serverUrl: string): Promise<Enrolled> {
  const { id: deviceId, hardware, tags, token } = device;
  const key = deviceKeyOf(randomBytes(32));
  const client = createDeviceClient(serverUrl, nodeFetch);
  const answer = await client.enroll({ token, deviceId, publicKey: key.publicKey, hardware, tags });
  return { device, key, answer };
}

/** The whole agent, over memory and a synthetic model; until `signal` is aborted or it vanishes. */
export async function liveRehearsed(
  { device, key, answer }: Enrolled,
  chance: () => number,
  { serverUrl, root, fleet, classes, log }: RehearsedLife,
  signal: AbortSignal,
): Promise<void> {
  const { id, hardware, fault, batteryPercent, freeBytes } = device;
  const { candidateSequence, speed } = fleet;
  const { product, mqttUrl, pollIntervalS } = answer;
  const gone = new AbortController();
  const vanish = () => {
    log(id, { event: "vanished" });
    gone.abort();
  };
  const conditions = { ...UNKNOWN_CONDITIONS, ...device.conditions, batteryPercent, freeBytes };
  await liveAs(
    {
      deviceId: id,
      hardware,
      product,
      way: { serverUrl, mqttUrl, isMqttAlone: false },
      key,
      between: (client) => faultyClient(client, fault, candidateSequence, vanish),
      clock: nodeClock,
      windowClock: fastClock(nodeClock, speed),
      conditions: async () => conditions,
      engine: syntheticEngine({ chance, fault, candidateSequence }),
      sensor: syntheticSensor(classes, chance),
      random: chance,
      stores: memoryStores(pinRoot(root)),
      settings: { ...AGENT_DEFAULTS, pollIntervalS, ...rehearsalSettings(fleet) },
      log: (entry) => log(id, entry),
    },
    AbortSignal.any([signal, gone.signal]),
  );
}

/** Starts at the present and runs `speed` times as fast. */
function fastClock(clock: Clock, speed: number): Pick<Clock, "wallMs"> {
  const startedMs = clock.monotonicMs();
  const startMs = clock.wallMs() ?? 0;
  return { wallMs: () => startMs + speed * (clock.monotonicMs() - startedMs) };
}
