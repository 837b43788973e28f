import { InvalidArgumentError } from "commander";
import { AgentUsageError } from "../errors.js";
import type { Identity } from "./home.js";

/** How a device reaches its server: updates over HTTP and telemetry over MQTT, or everything over MQTT. */

export const TRANSPORTS = ["http", "mqtt"] as const;
export type Transport = (typeof TRANSPORTS)[number];

const HTTP = ["http:", "https:"];
const MQTT = ["mqtt:", "mqtts:", "ws:", "wss:"];
/** Where servers take MQTT over WebSocket. */
const WEB_SOCKET_PATH = "/mqtt";

export function isMqttUrl(url: string): boolean {
  return MQTT.includes(new URL(url).protocol);
}

/** An address as people type it. Throws InvalidArgumentError. */
export function serverAddress(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || ![...HTTP, ...MQTT].includes(url.protocol) || url.hostname === "") {
    throw new InvalidArgumentError(
      `Expected an address such as https://fleet.example.org or mqtts://fleet.example.org; got "${text}".`,
    );
  }
  const needsPath = url.protocol.startsWith("ws") && url.pathname === "/";
  return needsPath ? `${text.replace(/\/+$/, "")}${WEB_SOCKET_PATH}` : text;
}

export interface Way {
  readonly serverUrl: string;
  readonly mqttUrl: string;
  readonly isMqttAlone: boolean;
}

/** @param change of what enrolment has stored, for one run. @throws AgentUsageError where the two contradict each other. */
export function wayOf(
  identity: Pick<Identity, "serverUrl" | "mqttUrl">,
  change: { readonly serverUrl?: string; readonly transport?: Transport },
): Way {
  const serverUrl = change.serverUrl ?? identity.serverUrl;
  const isMqtt = isMqttUrl(serverUrl);
  const mqttUrl = isMqtt ? serverUrl : identity.mqttUrl;
  if (isMqtt && change.transport === "http") {
    throw new AgentUsageError({
      expected: "the server's HTTP address with --transport http",
      got: serverUrl,
      todo: "Say --server https://…, or leave --transport out.",
    });
  }
  const isMqttAlone = isMqtt || change.transport === "mqtt";
  return { serverUrl, mqttUrl, isMqttAlone };
}
