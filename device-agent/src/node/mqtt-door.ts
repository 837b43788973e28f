import { randomBytes } from "node:crypto";
import {
  createDeviceClient,
  type DeviceClient,
  NetworkError,
  signInClientId,
  signInTopics,
  topics,
  whatCame,
} from "@mote/protocol";
import { Exchange } from "../core/exchange.js";
import { nodeClock } from "./clock.js";
import { MqttConnection } from "./mqtt-connection.js";
import { secureRandom } from "./random.js";

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
  const connection = await MqttConnection.open(url, credentials).catch((cause: unknown) => {
    throw unreachable(url, cause);
  });
  const { client, ended } = connection;
  const exchange = new Exchange({
    base: url,
    send: async (payload) => void (await client.publishAsync(requestTopic, Buffer.from(payload), { qos: 0 })),
    clock: nodeClock,
    random: secureRandom,
  });
  void ended.then(() => exchange.lost());
  client.on("message", (_topic, payload) => exchange.receive(payload));
  try {
    await connection.whileOpen(client.subscribeAsync(answerTopic, { qos: 0 }));
  } catch (cause) {
    await connection.cut();
    throw unreachable(url, cause);
  }
  return { client: createDeviceClient(url, exchange.fetch), close: () => connection.cut() };
}

function unreachable(url: string, cause: unknown): NetworkError {
  return new NetworkError({
    expected: `a connection to ${url}`,
    got: whatCame(cause),
    todo: "Check the address, the network and that the server runs; the agent tries again by itself.",
    cause,
  });
}
