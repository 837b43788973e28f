import { readFile } from "node:fs/promises";
import { createDeviceClient, type EnrollAnswer, type EnrollRequest } from "@mote/protocol";
import { AgentUsageError } from "../errors.js";
import { openDeviceKey } from "./device-key.js";
import { nodeFetch } from "./fetch.js";
import { deviceKeyPath, type Identity, identityDocument, pin } from "./home.js";
import { openSignInDoor } from "./mqtt-door.js";
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

/**
 * Pins the root, makes the key, and trades the one-time token for an identity. Cut off anywhere it can be run again:
 * the key stays, and the server knows the repetition by it.
 *
 * @throws AgentUsageError, AgentStateError, MetadataFormatError, NetworkError, ServerRefusedError
 */
export async function enroll(enrolment: Enrolment): Promise<Identity> {
  const { folder, serverUrl, token, deviceId, hardware, tags } = enrolment;
  const root = await readFile(enrolment.rootFile).catch((cause: unknown) => {
    throw new AgentUsageError({
      expected: "a file of TUF root metadata for --root",
      got: cause instanceof Error ? cause.message : String(cause),
      todo: "Take root.json from the person who keeps the keys (mote keys show), never from the server itself.",
      cause,
    });
  });
  await pin(folder, new Uint8Array(root));
  const key = await openDeviceKey(deviceKeyPath(folder));
  const request = { token, deviceId, publicKey: key.publicKey, hardware, tags };
  const answer = isMqttUrl(serverUrl)
    ? await enrollOverMqtt(serverUrl, request)
    : await createDeviceClient(serverUrl, nodeFetch).enroll(request);
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
  return identity;
}

/** The way by which the device came in is the one that it keeps, whatever the server calls its broker. */
async function enrollOverMqtt(mqttUrl: string, request: EnrollRequest): Promise<EnrollAnswer> {
  const door = await openSignInDoor(mqttUrl);
  try {
    return { ...(await door.client.enroll(request)), mqttUrl };
  } finally {
    await door.close();
  }
}
