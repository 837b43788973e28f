import { readFileSync } from "node:fs";
import { explainFault } from "@mote/protocol";
import { type EditedFile, parseEdited } from "@mote/protocol/node";
import { type Static, Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { ConfigError } from "./errors.js";

export const BROKER_KINDS = ["mosquitto", "nats"] as const;

/** Settings of a server: a YAML or JSON file (`--config`), each of which a flag of the same name overrides. */
export const Config = Type.Object(
  {
    /** Folder for everything that must survive. */
    data: Type.String({ minLength: 1 }),
    /** PostgreSQL instead of the embedded store: `postgres://user@host:5432/database`. */
    database: Type.Optional(Type.String({ pattern: "^postgres(ql)?://" })),
    /**
     * Folder of the blobs, or a bucket as `s3://name/prefix` (credentials, region and endpoint are those of the AWS
     * command line); default: `blobs` in the data folder. Servers on one database share one of them.
     */
    blobs: Type.Optional(Type.String({ minLength: 1, pattern: "^(s3://|(?![a-z0-9]+://))" })),
    host: Type.String({ minLength: 1, default: "127.0.0.1" }),
    /** HTTP; 0 takes a free one. */
    port: Type.Integer({ minimum: 0, maximum: 65_535, default: 8080 }),
    /** MQTT; 0 takes a free one. */
    mqttPort: Type.Integer({ minimum: 0, maximum: 65_535, default: 1883 }),
    /** A broker in the place of the server's own: `mqtts://broker.example.org:8883`. */
    mqttBroker: Type.Optional(Type.String({ pattern: "^mqtts?://[^/]+$" })),
    /** How that broker lets devices in. */
    mqttBrokerKind: Type.Optional(Type.Union(BROKER_KINDS.map((kind) => Type.Literal(kind)))),
    /** Name under which the broker keeps what comes while no server consumes; servers on one database have the same. */
    mqttBrokerClientId: Type.String({ pattern: "^[a-zA-Z0-9-]{1,32}$", default: "mote-server" }),
    /** Mosquitto: the server's user there, which must have the role admin of the dynamic security plugin. */
    mqttBrokerUser: Type.Optional(Type.String({ minLength: 1 })),
    mqttBrokerPasswordFile: Type.Optional(Type.String({ minLength: 1 })),
    /** NATS: public key of the account, and the file with the seed of one of its signing keys. */
    natsAccount: Type.Optional(Type.String({ pattern: "^A[A-Z2-7]{55}$" })),
    natsKeyFile: Type.Optional(Type.String({ minLength: 1 })),
    /** PEM files for TLS to the broker: who has signed its certificate, and the server's own, where it asks for one. */
    mqttBrokerCa: Type.Optional(Type.String({ minLength: 1 })),
    mqttBrokerCert: Type.Optional(Type.String({ minLength: 1 })),
    mqttBrokerKey: Type.Optional(Type.String({ minLength: 1 })),
    /** Folder of the server's signing keys; default: `keys` in the data folder. */
    serverKeys: Type.Optional(Type.String()),
    /** What devices are told to connect to, where it differs from host and port (a proxy, a name). */
    publicMqttUrl: Type.Optional(Type.String()),
    /** Address of this server as devices write it, where a proxy stands in front: links of the hawkBit door lead there. */
    publicUrl: Type.Optional(Type.String({ pattern: "^https?://[^/]+$" })),
    /** Who may download blobs: who shows a token or follows a link made for it, or whoever knows the digest. */
    downloadsFor: Type.Union([Type.Literal("devices"), Type.Literal("anyone")], { default: "devices" }),
    tlsKey: Type.Optional(Type.String()),
    tlsCert: Type.Optional(Type.String()),
    /** Listen beyond loopback without TLS. Tokens then cross the network in the clear. */
    insecureListen: Type.Boolean({ default: false }),
    /** Loopback only: the console may be read without a token. */
    demoOpenConsole: Type.Boolean({ default: false }),
    pollIntervalS: Type.Number({ exclusiveMinimum: 0, maximum: 86_400, default: 60 }),
    /** Requests that one device may make, beside a burst of 120; more are answered 429. */
    deviceRequestsPerMinute: Type.Integer({ minimum: 1, maximum: 1_000_000, default: 600 }),
    /** Accounts that may fail to sign in from one address before it must wait. */
    freeSignInFailures: Type.Integer({ minimum: 1, maximum: 1_000_000_000, default: 100 }),
    /** Proxies in front, by address or network: what they say of where a request came from is believed. */
    trustProxy: Type.Array(Type.String({ minLength: 1 }), { default: [] }),
    /** How often rollouts are judged. */
    tickMs: Type.Integer({ minimum: 50, maximum: 60_000, default: 500 }),
  },
  { additionalProperties: false },
);
export type Config = Static<typeof Config>;

interface SettingsFile extends EditedFile {
  readonly value: Record<string, unknown>;
}

/** @param file path of a settings file. @throws ConfigError naming the line or the field at fault. */
function readConfigFile(file: string): SettingsFile {
  let edited: EditedFile;
  try {
    edited = parseEdited(readFileSync(file, "utf8"));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError({ expected: `settings in ${file}`, got: reason, todo: "Correct the file.", cause });
  }
  const { value, place } = edited;
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return { value: value as Record<string, unknown>, place };
  throw new ConfigError({
    expected: `a mapping of settings in ${file}`,
    got: "something else",
    todo: "For example: `data: /var/lib/mote`.",
  });
}

/**
 * Fills in the defaults and refuses what is wrong or unsafe. Throws ConfigError.
 *
 * @param place says where a setting stands in its file.
 */
export function checkConfig(
  settings: Record<string, unknown>,
  place: EditedFile["place"] = () => null,
): Config {
  const value = Value.Default(Config, { ...settings });
  if (!Value.Check(Config, value)) {
    const fault = explainFault(Value.Errors(Config, value));
    const line = place(fault?.path ?? "");
    throw new ConfigError({
      expected: `a valid setting "${fault?.path.slice(1) ?? ""}"`,
      got: `${JSON.stringify(fault?.value) ?? "nothing"} (${fault?.rule ?? "unknown"})${line === null ? "" : `, ${line}`}`,
      todo: "`mote-server --schema` prints all settings, `mote-server --help` those that are flags too.",
    });
  }
  checkSafe(value);
  return value;
}

/** Settings from a file, with flags over them. @param file path; undefined for flags alone. Throws ConfigError. */
export function loadConfig(file: string | undefined, flags: Record<string, unknown>): Config {
  const edited = file === undefined ? null : readConfigFile(file);
  return checkConfig({ ...edited?.value, ...flags }, edited?.place);
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

function checkSafe(config: Config): void {
  const hasTls = config.tlsKey !== undefined && config.tlsCert !== undefined;
  if ((config.tlsKey === undefined) !== (config.tlsCert === undefined)) {
    throw new ConfigError({
      expected: "both tlsKey and tlsCert, or neither",
      got: "one of them",
      todo: "Name the other file too.",
    });
  }
  if (!isLoopback(config.host) && !hasTls && !config.insecureListen) {
    throw new ConfigError({
      expected: `TLS on an address beyond loopback (${config.host})`,
      got: "no tlsKey and tlsCert",
      todo: "Give both files, or say --insecure-listen when the network itself is trusted.",
    });
  }
  checkBroker(config);
  if (config.demoOpenConsole && !isLoopback(config.host)) {
    throw new ConfigError({
      expected: "an open console on a loopback address only",
      got: config.host,
      todo: "Leave out --demo-open-console: people sign in with their token.",
    });
  }
}

/** What each kind of broker needs, and nothing of the other. */
const BROKER_NEEDS = {
  mosquitto: ["mqttBrokerUser", "mqttBrokerPasswordFile"],
  nats: ["natsAccount", "natsKeyFile"],
} as const;

function checkBroker(config: Config): void {
  const { mqttBroker, mqttBrokerKind: kind, insecureListen } = config;
  const all = ["mqttBrokerKind", ...Object.values(BROKER_NEEDS).flat()] as const;
  const given = all.filter((name) => config[name] !== undefined);
  if (mqttBroker === undefined) {
    if (given.length === 0) return;
    throw new ConfigError({
      expected: `mqttBroker with ${given[0]}`,
      got: "none",
      todo: "Name the broker, or leave its settings out: the server then has its own.",
    });
  }
  const needed: readonly string[] = kind === undefined ? ["mqttBrokerKind"] : BROKER_NEEDS[kind];
  const missing = needed.filter((name) => config[name as keyof Config] === undefined);
  const foreign = given.filter((name) => name !== "mqttBrokerKind" && !needed.includes(name));
  if (missing.length > 0 || (kind !== undefined && foreign.length > 0)) {
    throw new ConfigError({
      expected: `${needed.join(" and ")} for the broker ${mqttBroker}${kind === undefined ? ` (${BROKER_KINDS.join(" or ")})` : ""}`,
      got: missing.length > 0 ? `no ${missing.join(" and no ")}` : `${foreign[0]} too`,
      todo: "The server lets devices in at the broker, each to its own topics: see docs/server.md.",
    });
  }
  const { protocol, hostname } = new URL(mqttBroker);
  if (protocol === "mqtt:" && !isLoopback(hostname) && !insecureListen) {
    throw new ConfigError({
      expected: `TLS to a broker beyond loopback (${hostname})`,
      got: mqttBroker,
      todo: "Say mqtts://, or --insecure-listen when the network itself is trusted.",
    });
  }
}
