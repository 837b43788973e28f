import { randomBytes } from "node:crypto";
import {
  createDeviceClient,
  type DeviceClient,
  NetworkError,
  signInClientId,
  signInTopics,
  topics,
} from "@mote/protocol";
import { connectAsync } from "mqtt";
import { Exchange } from "../core/exchange.js";
import { messageOf } from "../core/report-code.js";
import { nodeClock } from "./clock.js";
import { secureRandom } from "./random.js";

/** Milliseconds to wait for the broker's answer to a connection. */
const ANSWER_MS = 15_000;

/** The device's contract over a connection of its own, which somebody must close. */
export interface MqttDoor {
  readonly client: DeviceClient;
  close(): Promise<void>;
}

/** For who has no credentials yet: may enrol, and open a session. @throws NetworkError */
export function openSignInDoor(url: string): Promise<MqttDoor> {
  const clientId = signInClientId(randomBytes(11).toString("hex"));
  return openDoor(url, { clientId }, signInTopics.request(clientId), signInTopics.answer(clientId));
}

/** For a device that its agent does not serve now. @throws NetworkError */
export function openDeviceDoor(
  url: string,
  deviceId: string,
  password: string,
  clientId: string,
): Promise<MqttDoor> {
  const credentials = { clientId, username: deviceId, password };
  return openDoor(url, credentials, topics.request(deviceId), topics.answer(deviceId));
}

async function openDoor(
  url: string,
  credentials: { clientId: string; username?: string; password?: string },
  requestTopic: string,
  answerTopic: string,
): Promise<MqttDoor> {
  const connection = await connectAsync(url, {
    protocolVersion: 4,
    ...credentials,
    clean: true,
    connectTimeout: ANSWER_MS,
    reconnectPeriod: 0,
  }).catch((cause: unknown) => {
    throw unreachable(url, cause);
  });
  const exchange = new Exchange({
    base: url,
    send: async (payload) =>
      void (await connection.publishAsync(requestTopic, Buffer.from(payload), { qos: 0 })),
    clock: nodeClock,
    random: secureRandom,
  });
  connection.on("error", () => undefined);
  connection.on("close", () => exchange.lost());
  connection.on("message", (_topic, payload) => exchange.receive(payload));
  await connection.subscribeAsync(answerTopic, { qos: 0 });
  return {
    client: createDeviceClient(url, exchange.fetch),
    close: () => connection.endAsync(true).catch(() => undefined),
  };
}

function unreachable(url: string, cause: unknown): NetworkError {
  return new NetworkError({
    expected: `a connection to ${url}`,
    got: messageOf(cause),
    todo: "Check the address, the network and that the server runs; the agent tries again by itself.",
    cause,
  });
}
