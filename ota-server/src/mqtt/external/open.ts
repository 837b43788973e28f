import { readFileSync } from "node:fs";
import { whatCame } from "@mote/protocol";
import type { Config } from "../../config.js";
import { ConfigError } from "../../errors.js";
import type { Sessions } from "../../fleet/sessions.js";
import type { BrokerAddress } from "./connection.js";
import { ExternalBroker, type ExternalBrokerParts } from "./externalBroker.js";
import type { Guard } from "./guard.js";
import { MosquittoGuard } from "./mosquitto.js";
import { NatsGuard } from "./nats.js";

type Parts = Omit<ExternalBrokerParts, "address" | "clientId" | "guard"> & { readonly sessions: Sessions };

/** The broker that the settings name. @throws ConfigError for files that can't be read, or hold something else. */
export function openExternalBroker(config: Config, parts: Parts): ExternalBroker {
  const address = addressOf(config);
  const guard = guardOf(config, parts);
  return ExternalBroker.open({ ...parts, address, clientId: config.mqttBrokerClientId, guard });
}

function guardOf(config: Config, { sessions, clock }: Pick<Parts, "sessions" | "clock">): Guard {
  if (config.mqttBrokerKind === "nats") {
    return new NatsGuard(config.natsAccount ?? "", fileOf("natsKeyFile", config.natsKeyFile), clock);
  }
  const password = fileOf("mqttBrokerPasswordFile", config.mqttBrokerPasswordFile).trimEnd();
  const secretOf = (subject: string) => sessions.secretOf("mqtt password", subject);
  return new MosquittoGuard(config.mqttBrokerUser ?? "", password, secretOf, clock);
}

function addressOf({ mqttBroker, mqttBrokerCa, mqttBrokerCert, mqttBrokerKey }: Config): BrokerAddress {
  return {
    url: new URL(mqttBroker ?? ""),
    ...(mqttBrokerCa === undefined ? {} : { ca: fileOf("mqttBrokerCa", mqttBrokerCa) }),
    ...(mqttBrokerCert === undefined ? {} : { cert: fileOf("mqttBrokerCert", mqttBrokerCert) }),
    ...(mqttBrokerKey === undefined ? {} : { key: fileOf("mqttBrokerKey", mqttBrokerKey) }),
  };
}

function fileOf(setting: string, path: string | undefined): string {
  try {
    return readFileSync(path ?? "", "utf8");
  } catch (cause) {
    throw new ConfigError({
      expected: `a file that can be read for ${setting}`,
      got: whatCame(cause),
      todo: "Correct the path, or the file's permissions.",
      cause,
    });
  }
}
