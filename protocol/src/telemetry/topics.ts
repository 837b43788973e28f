/**
 * MQTT topics. A device may publish below its own id, and subscribe to its own `command` and `answer`; who is not signed in
 * yet may use the two topics of `signInTopics` below its own client id, and nothing else.
 */

const ROOT = "mote/v1";

export const topics = {
  /** device -> server, QoS 1: one telemetry frame (frame.ts). */
  telemetry: (deviceId: string) => `${ROOT}/${deviceId}/telemetry`,
  /** device -> server, QoS 1: CBOR array of reports (update/report.ts). */
  report: (deviceId: string) => `${ROOT}/${deviceId}/report`,
  /** device -> server, QoS 1, retained, also the last will: "online" or "offline". */
  presence: (deviceId: string) => `${ROOT}/${deviceId}/presence`,
  /** device -> server, QoS 0: a request of the HTTP contract (api/exchange.ts). */
  request: (deviceId: string) => `${ROOT}/${deviceId}/request`,
  /** server -> device, QoS 0: the answer to one request. */
  answer: (deviceId: string) => `${ROOT}/${deviceId}/answer`,
  /** server -> device, QoS 0: one of COMMANDS; carries no authority. */
  command: (deviceId: string) => `${ROOT}/${deviceId}/command`,
} as const;

export const COMMANDS = {
  /** There may be news: poll now. */
  poll: "poll",
  /** The server hears again, after a time in which requests were lost: ask once more what was not answered. */
  again: "again",
} as const;

export type TopicKind = keyof typeof topics;

/** For a connection without credentials, which may only sign in or enrol. QoS 0. */
export const signInTopics = {
  request: (clientId: string) => `${ROOT}/sign-in/${clientId}/request`,
  answer: (clientId: string) => `${ROOT}/sign-in/${clientId}/answer`,
} as const;

/**
 * The client id of such a connection: an upper-case letter, so that it is no device's name, and 88 random bits, so that
 * nobody can guess it and hear its answers. 23 characters, as many as every broker takes (MQTT 3.1.1, 3.1.3.1).
 */
const SIGN_IN_CLIENT = /^S[0-9a-f]{22}$/;

/** @param randomHex at least 22 hexadecimal digits that nobody can guess. */
export function signInClientId(randomHex: string): string {
  return `S${randomHex.slice(0, 22)}`;
}

export function isSignInClientId(clientId: string): boolean {
  return SIGN_IN_CLIENT.test(clientId);
}

/** Splits a topic of ours into its device and kind; null for any other topic. */
export function parseTopic(topic: string): { deviceId: string; kind: TopicKind } | null {
  const match =
    /^mote\/v1\/([a-z0-9][a-z0-9._-]{0,62})\/(telemetry|report|presence|request|answer|command)$/.exec(topic);
  if (!match) return null;
  return { deviceId: match[1]!, kind: match[2] as TopicKind };
}

export function mayPublish(deviceId: string, topic: string): boolean {
  const parsed = parseTopic(topic);
  if (parsed === null || parsed.deviceId !== deviceId) return false;
  return parsed.kind !== "command" && parsed.kind !== "answer";
}

export function maySubscribe(deviceId: string, topic: string): boolean {
  return topic === topics.command(deviceId) || topic === topics.answer(deviceId);
}
