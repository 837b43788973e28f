import { readFile, rm } from "node:fs/promises";
import {
  createDeviceClient,
  type DeviceClient,
  type EnrollAnswer,
  type EnrollRequest,
  whatCame,
} from "@mote/protocol";
import { nodeSha256, nodeVerify } from "@mote/protocol/node";
import { isOfFleet } from "../core/fleet-check.js";
import { type DeviceKey, Session } from "../core/session.js";
import { AgentUsageError, OtherFleetError } from "../errors.js";
import { nodeClock } from "./clock.js";
import { openDeviceKey } from "./device-key.js";
import { nodeFetch } from "./fetch.js";
import { checkPin, deviceKeyPath, exists, type Identity, identityDocument, pin } from "./home.js";
import { openDeviceDoor, openSignInDoor } from "./mqtt-door.js";
import { isMqttUrl } from "./transport.js";

export interface Enrolment {
  readonly folder: string;
  readonly serverUrl: string;
  readonly token: string;
  /** The root metadata that a person brought, by another way than the server. */
  readonly rootFile: string;
  readonly deviceId: string;
  readonly hardware: string;
  readonly tags: EnrollRequest["tags"];
}

export interface Enrolled {
  readonly identity: Identity;
  /** The server has published the pinned root; false where it has published none yet, so that nothing can be told. */
  readonly isRootSeen: boolean;
}

/**
 * Makes sure that the server is of the fleet whose root is pinned, pins it, makes the key, and trades the one-time token
 * for an identity. Cut off anywhere it can be run again: the key stays, and the server knows the repetition by it.
 *
 * @throws AgentUsageError, AgentStateError, MetadataFormatError, OtherFleetError, NetworkError, ServerRefusedError
 */
export async function enroll(enrolment: Enrolment): Promise<Enrolled> {
  const { folder, serverUrl, token, deviceId, hardware, tags } = enrolment;
  const root = await readRoot(enrolment.rootFile);
  await checkPin(folder, root);
  const isMqtt = isMqttUrl(serverUrl);
  const client = createDeviceClient(serverUrl, nodeFetch);
  // Before anything is written. Over MQTT the metadata can be had only by who is enrolled.
  let isRootSeen = !isMqtt && (await isServedBy(client, root));
  const hadKey = await exists(deviceKeyPath(folder));
  const key = await openDeviceKey(deviceKeyPath(folder));
  const request = { token, deviceId, publicKey: key.publicKey, hardware, tags };
  let answer: EnrollAnswer;
  if (isMqtt) {
    const door = await openSignInDoor(serverUrl);
    try {
      // The way by which the device came in is the one that it keeps, whatever the server calls its broker.
      answer = { ...(await door.client.enroll(request)), mqttUrl: serverUrl };
      isRootSeen = await isServedOverMqtt(serverUrl, door.client, deviceId, key, root);
    } catch (error) {
      if (error instanceof OtherFleetError && !hadKey) await rm(deviceKeyPath(folder), { force: true });
      throw error;
    } finally {
      await door.close();
    }
  } else {
    answer = await client.enroll(request);
  }
  await pin(folder, root);
  const identity: Identity = {
    format: 1,
    deviceId: answer.deviceId,
    product: answer.product,
    hardware,
    serverUrl,
    mqttUrl: answer.mqttUrl,
    pollIntervalS: answer.pollIntervalS,
    publicKey: key.publicKey,
  };
  await identityDocument(folder).save(identity);
  return { identity, isRootSeen };
}

async function readRoot(file: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(file));
  } catch (cause) {
    throw new AgentUsageError({
      expected: "a file of TUF root metadata for --root",
      got: whatCame(cause),
      todo: "Take root.json from the person who keeps the keys (mote keys show), never from the server itself.",
      cause,
    });
  }
}

function isServedBy(client: DeviceClient, root: Uint8Array): Promise<boolean> {
  return isOfFleet(root, {
    sha256: nodeSha256,
    verify: nodeVerify,
    metadata: (file, maxBytes) => client.metadata(file, maxBytes),
  });
}

async function isServedOverMqtt(
  url: string,
  signIn: DeviceClient,
  deviceId: string,
  key: DeviceKey,
  root: Uint8Array,
): Promise<boolean> {
  const password = await new Session(signIn, deviceId, key, nodeClock).brokerPassword();
  const door = await openDeviceDoor(url, deviceId, password, deviceId);
  try {
    return await isServedBy(door.client, root);
  } finally {
    await door.close();
  }
}
