import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Config, checkConfig, loadConfig } from "./config.js";

describe("settings", () => {
  test("are all explained where operators look", () => {
    const page = readFileSync(new URL("../../docs/server.md", import.meta.url), "utf8");
    for (const key of Object.keys(Config.properties)) expect(page).toContain(`\`${key}\``);
  });

  test("need no more than a folder, and stay on loopback", () => {
    expect(checkConfig({ data: "fleet" })).toMatchObject({ host: "127.0.0.1", port: 8080, mqttPort: 1883 });
  });

  test("that are unknown or out of range are refused by name", () => {
    expect(() => checkConfig({ data: "fleet", prot: 1 })).toThrow(/prot/);
    expect(() => checkConfig({ data: "fleet", port: 70_000 })).toThrow(/port/);
    expect(() => checkConfig({})).toThrow(/data/);
  });

  test("name a PostgreSQL database by its address alone", () => {
    const database = "postgres://mote@db/mote";
    expect(checkConfig({ data: "fleet", database }).database).toBe(database);
    expect(() => checkConfig({ data: "fleet", database: "mysql://db/mote" })).toThrow(/database/);
  });

  test("beyond loopback ask for TLS, or for the plain words that it is not wanted", () => {
    for (const host of ["0.0.0.0", "::", "192.168.1.4", "fleet.example.org"]) {
      expect(() => checkConfig({ data: "fleet", host })).toThrow(/insecure-listen/);
      expect(checkConfig({ data: "fleet", host, insecureListen: true }).host).toBe(host);
      expect(checkConfig({ data: "fleet", host, tlsKey: "k", tlsCert: "c" }).host).toBe(host);
    }
    expect(() => checkConfig({ data: "fleet", tlsKey: "k" })).toThrow(/tlsCert/);
  });

  test("open the console to anyone on loopback only", () => {
    const open = { data: "fleet", demoOpenConsole: true };
    expect(checkConfig(open).demoOpenConsole).toBe(true);
    expect(() => checkConfig({ ...open, host: "0.0.0.0", insecureListen: true })).toThrow(/loopback/);
  });

  test("come from YAML, and a broken file is refused with its line", () => {
    const file = join(mkdtempSync(join(tmpdir(), "mote-config-")), "server.yaml");
    writeFileSync(file, "data: fleet\nport: 0\n");
    expect(loadConfig(file, {}).port).toBe(0);
    expect(loadConfig(file, { port: 7 }).port).toBe(7);
    writeFileSync(file, "data: fleet\nport: [");
    expect(() => loadConfig(file, {})).toThrow(/line [23]:/);
    writeFileSync(file, "data: fleet\n\nprot: 0\n");
    expect(() => loadConfig(file, {})).toThrow(/"prot".*line 3/);
    writeFileSync(file, "- data");
    expect(() => loadConfig(file, {})).toThrow(/mapping/);
  });
});

test("a broker of another's is refused without what lets devices in there, and without TLS beyond loopback", () => {
  const data = "/tmp/x";
  const mqttBroker = "mqtt://127.0.0.1:1883";
  const nats = { natsAccount: `A${"B".repeat(55)}`, natsKeyFile: "/k" };
  const mosquitto = { mqttBrokerUser: "mote", mqttBrokerPasswordFile: "/p" };
  for (const [settings, message] of [
    [{ mqttBroker }, /mqttBrokerKind for the broker .* \(mosquitto or nats\)/],
    [{ mqttBroker, mqttBrokerKind: "mosquitto" }, /got no mqttBrokerUser and no mqttBrokerPasswordFile/],
    [{ mqttBroker, mqttBrokerKind: "nats", natsAccount: nats.natsAccount }, /got no natsKeyFile/],
    [{ mqttBroker, mqttBrokerKind: "nats", ...nats, ...mosquitto }, /mqttBrokerUser too/],
    [{ mqttBroker, mqttBrokerKind: "emqx" }, /mqttBrokerKind/],
    [mosquitto, /mqttBroker with mqttBrokerUser; got none/],
    [
      { mqttBroker: "mqtt://broker.example.org", mqttBrokerKind: "nats", ...nats },
      /TLS to a broker beyond loopback \(broker.example.org\)/,
    ],
  ] as const) {
    expect(() => checkConfig({ data, ...settings })).toThrow(message);
  }
  checkConfig({ data, mqttBroker, mqttBrokerKind: "nats", ...nats });
  checkConfig({ data, mqttBroker: "mqtts://broker.example.org", mqttBrokerKind: "mosquitto", ...mosquitto });
});
