import { stat } from "node:fs/promises";
import { createDeviceClient, findTarget, refresh, targetPath, trustedNowMs } from "@mote/protocol";
import { nodeSha256, nodeVerify } from "@mote/protocol/node";
import { plausibleClockMs } from "../core/candidate.js";
import { messageOf } from "../core/report-code.js";
import { Session } from "../core/session.js";
import { AGENT_DEFAULTS } from "../core/settings.js";
import { neededBlobs, servingSlot } from "../core/slots.js";
import { FRESH } from "../core/state.js";
import { nodeClock } from "./clock.js";
import { openDeviceKey } from "./device-key.js";
import { nodeFetch } from "./fetch.js";
import { deviceKeyPath, loadIdentity, openStores } from "./home.js";
import { holderOf } from "./lock.js";
import { openDeviceDoor } from "./mqtt-door.js";
import { MqttSignIn } from "./mqtt-sign-in.js";
import { isMqttUrl, wayOf } from "./transport.js";

/** One thing that must hold for a device to do its work, and what to do where it does not. */
export interface Finding {
  readonly name: string;
  readonly verdict: "ok" | "warning" | "failed";
  readonly detail: string;
  readonly todo: string;
}

type Check = () => Promise<string>;

/** Thrown by a check for what is worth saying and stops nothing. */
class Doubt extends Error {}

/** Looks at everything that an agent needs, from the disk to the broker. Changes nothing on the device. */
export async function diagnose(folder: string): Promise<Finding[]> {
  const findings: Finding[] = [];
  const look = async (name: string, todo: string, check: Check): Promise<boolean> => {
    try {
      findings.push({ name, verdict: "ok", detail: await check(), todo: "" });
      return true;
    } catch (error) {
      const verdict = error instanceof Doubt ? "warning" : "failed";
      findings.push({ name, verdict, detail: messageOf(error), todo });
      return false;
    }
  };

  const identity = await loadIdentity(folder);
  const stores = await openStores(folder);
  const { deviceId, product } = identity;
  const { serverUrl, mqttUrl, isMqttAlone } = wayOf(identity, {});
  const client = createDeviceClient(serverUrl, nodeFetch);
  const signIn = new MqttSignIn(mqttUrl, () => null, isMqttUrl(serverUrl) ? null : client);
  const openSession = async () => {
    const key = await openDeviceKey(deviceKeyPath(folder));
    return new Session(isMqttAlone ? signIn : client, deviceId, key, nodeClock);
  };
  const openDoor = async (session: Session) => {
    const password = await session.brokerPassword();
    if (session.isAcknowledgedByBroker) {
      // A name of its own: the broker would throw out the running agent for another connection of its name.
      return openDeviceDoor(mqttUrl, deviceId, password, `${deviceId}-diagnose`);
    }
    // Another's broker knows the device by one name only.
    const holder = await holderOf(folder);
    if (holder !== null) throw new Doubt(`not tried: the agent of process ${holder} holds the connection`);
    return openDeviceDoor(mqttUrl, deviceId, password, deviceId);
  };
  let state = FRESH;

  await look(
    "device key",
    `Run: chmod 600 ${deviceKeyPath(folder)}; if it is lost, enrol anew.`,
    async () => {
      const { mode } = await stat(deviceKeyPath(folder));
      const key = await openDeviceKey(deviceKeyPath(folder));
      if (key.publicKey !== identity.publicKey)
        throw new Error("not the key that this device was enrolled with");
      if ((mode & 0o077) !== 0) throw new Doubt(`others may read it (mode ${(mode & 0o777).toString(8)})`);
      return "there, private, and the enrolled one";
    },
  );
  await look(
    "state",
    "Restore state.json from a backup, or remove it: the server offers the release again.",
    async () => {
      state = (await stores.state.load()) ?? FRESH;
      const running = servingSlot(state);
      return running === null ? "no release yet" : `runs ${running.version}, update ${state.update.state}`;
    },
  );
  await look(
    "blobs",
    "The next update fetches what is missing; failing storage should be replaced.",
    async () => {
      const needed = [...neededBlobs(state)];
      for (const sha256 of needed) await stores.blobs.read(sha256);
      return `${needed.length} of ${needed.length} whole`;
    },
  );
  await look("room", "Free some room; updates are refused before they are fetched.", async () => {
    const free = await stores.blobs.freeBytes();
    if (free !== null && free < AGENT_DEFAULTS.reserveBytes) throw new Error(`${free} bytes free`);
    return free === null ? "unknown" : `${Math.floor(free / 1024)} KiB free`;
  });
  await look("clock", "Set the device's clock; until then only signed time counts.", async () => {
    const trust = await stores.trust.load();
    const wall = plausibleClockMs(nodeClock);
    if (wall === null) throw new Doubt(`the clock shows ${new Date(nodeClock.wallMs() ?? 0).toISOString()}`);
    if (trust !== null && wall < trust.timeMs) {
      throw new Doubt(`the clock is ${Math.round((trust.timeMs - wall) / 1000)} s behind signed time`);
    }
    return new Date(wall).toISOString();
  });
  const reachable = await look("server", `Check the network and that ${serverUrl} runs.`, async () => {
    try {
      await (isMqttAlone ? signIn : client).nonce(deviceId);
    } finally {
      await signIn.close();
    }
    return `${serverUrl} answers`;
  });
  if (!reachable) return findings;

  await look(
    "trust",
    "Expired: the server must sign freshness again. A signature: pin the right root.",
    async () => {
      const held = await stores.trust.load();
      if (held === null) throw new Error("no root is pinned");
      const clockMs = plausibleClockMs(nodeClock);
      const door = isMqttAlone ? await openDoor(await openSession()) : null;
      const trust = await refresh(held, {
        sha256: nodeSha256,
        verify: nodeVerify,
        clockMs,
        fetch: (file, maxBytes) => (door?.client ?? client).metadata(file, maxBytes),
        // Looking must not change what the agent remembers.
        persist: async () => {},
      }).finally(() => door?.close());
      const running = servingSlot(state);
      const nowText = new Date(trustedNowMs(trust, clockMs)).toISOString();
      if (running !== null) {
        findTarget(trust, targetPath(running.name, running.version), {
          sha256: nodeSha256,
          verify: nodeVerify,
          clockMs,
        });
        const floor = trust.floors[product] ?? 0;
        if (running.sequence < floor)
          throw new Doubt(`runs ${running.version}, below the signed floor ${floor}`);
      }
      return `metadata is fresh at ${nowText}`;
    },
  );
  const session = await openSession();
  const known = await look(
    "identity",
    "The device was revoked, or enrolled with another key: enrol anew.",
    async () => {
      await session.token();
      return "the server knows this device";
    },
  );
  if (!known) return findings;
  await look("broker", `Check that ${mqttUrl} is reachable; reports go over HTTP until then.`, async () => {
    const holder = await holderOf(folder);
    // A second connection of this device would be taken for the agent's own, and its end for the agent's.
    if (holder !== null) return `not tried: the agent of process ${holder} holds the connection`;
    await (await openDoor(session)).close();
    return `${mqttUrl} takes the device's token`;
  });
  return findings;
}
