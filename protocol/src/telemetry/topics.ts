/** MQTT topics. A device may publish below its own id and subscribe to its own `command`, nothing else. */

const ROOT = "mote/v1";

export const topics = {
  /** device -> server, QoS 1: one telemetry frame (frame.ts). */
  telemetry: (deviceId: string) => `${ROOT}/${deviceId}/telemetry`,
  /** device -> server, QoS 1: CBOR array of reports (update/report.ts). */
  report: (deviceId: string) => `${ROOT}/${deviceId}/report`,
  /** device -> server, QoS 1, retained, also the last will: "online" or "offline". */
  presence: (deviceId: string) => `${ROOT}/${deviceId}/presence`,
  /** server -> device, QoS 0: a hint to poll now; carries no authority. Payload: "poll". */
  command: (deviceId: string) => `${ROOT}/${deviceId}/command`,
} as const;

export type TopicKind = keyof typeof topics;

/** Splits a topic of ours into its device and kind; null for any other topic. */
export function parseTopic(topic: string): { deviceId: string; kind: TopicKind } | null {
  const match = /^mote\/v1\/([a-z0-9][a-z0-9._-]{0,62})\/(telemetry|report|presence|command)$/.exec(topic);
  if (!match) return null;
  return { deviceId: match[1]!, kind: match[2] as TopicKind };
}

export function mayPublish(deviceId: string, topic: string): boolean {
  const parsed = parseTopic(topic);
  return parsed !== null && parsed.deviceId === deviceId && parsed.kind !== "command";
}

export function maySubscribe(deviceId: string, topic: string): boolean {
  return topic === topics.command(deviceId);
}
