import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer, connect as dial } from "node:net";
import { join } from "node:path";
import { Algorithms, encodeAccount, encodeOperator } from "@nats-io/jwt";
import { createAccount, createOperator } from "@nats-io/nkeys";
import { eventually } from "./server.js";

/** Real brokers as processes of their own, for tests; each on a free port in a folder of its own. */

const PATH = `${process.env["PATH"]}:/usr/sbin`;
const env = { ...process.env, PATH };

export function isInstalled(program: string): boolean {
  return spawnSync(program, ["--help"], { env, stdio: "ignore" }).error === undefined;
}

export class RealBroker {
  private process: ChildProcess | null = null;

  private constructor(
    readonly port: number,
    /** What a server is told of it. */
    readonly settings: Record<string, unknown>,
    private readonly program: string,
    private readonly args: readonly string[],
  ) {}

  /** Mosquitto with its dynamic security, and with its queues kept on the disk. */
  static async mosquitto(folder: string): Promise<RealBroker> {
    const port = await freePort();
    mkdirSync(folder, { recursive: true });
    const security = join(folder, "security.json");
    writeFileSync(join(folder, "password"), "broker-secret\n", { mode: 0o600 });
    execFileSync("mosquitto_ctrl", ["dynsec", "init", security, "mote", "broker-secret"], {
      env,
      stdio: "ignore",
    });
    const lines = [
      `listener ${port} 127.0.0.1`,
      "allow_anonymous false",
      "plugin /usr/lib/x86_64-linux-gnu/mosquitto_dynamic_security.so",
      `plugin_opt_config_file ${security}`,
      "persistence true",
      `persistence_location ${folder}/`,
      "autosave_interval 1",
      "autosave_on_changes true",
      "max_inflight_messages 1000",
      "max_queued_messages 100000",
      ...(process.getuid?.() === 0 ? ["user root"] : []),
    ];
    writeFileSync(join(folder, "mosquitto.conf"), `${lines.join("\n")}\n`);
    const settings = {
      mqttBroker: `mqtt://127.0.0.1:${port}`,
      mqttBrokerKind: "mosquitto",
      mqttBrokerUser: "mote",
      mqttBrokerPasswordFile: join(folder, "password"),
    };
    const broker = new RealBroker(port, settings, "mosquitto", ["-c", join(folder, "mosquitto.conf")]);
    await broker.start();
    return broker;
  }

  /** NATS in operator mode, with JetStream for its MQTT. */
  static async nats(folder: string): Promise<RealBroker> {
    const [port, clientPort] = [await freePort(), await freePort()];
    mkdirSync(folder, { recursive: true });
    const [operator, system, account, signer] = [
      createOperator(),
      createAccount(),
      createAccount(),
      createAccount(),
    ];
    const name = (key: { getPublicKey(): string }) => key.getPublicKey();
    const options = { algorithm: Algorithms.v2, signer: operator };
    const without = { subs: -1, conn: -1, leaf: -1, data: -1, payload: -1, imports: -1, exports: -1 };
    const storage = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };
    const limits = { ...without, ...storage, wildcards: true };
    const fleet = { limits, signing_keys: [name(signer)] };
    const tokens = {
      operator: await encodeOperator(
        "mote",
        operator,
        { system_account: name(system) },
        { algorithm: Algorithms.v2 },
      ),
      system: await encodeAccount("system", system, {}, options),
      fleet: await encodeAccount("fleet", account, fleet, options),
    };
    const lines = [
      "server_name: mote",
      `listen: 127.0.0.1:${clientPort}`,
      `jetstream { store_dir: ${JSON.stringify(join(folder, "jetstream"))} }`,
      `operator: ${tokens.operator}`,
      `system_account: ${name(system)}`,
      "resolver: MEMORY",
      `resolver_preload: { ${name(system)}: ${tokens.system}, ${name(account)}: ${tokens.fleet} }`,
      `mqtt { listen: "127.0.0.1:${port}" }`,
    ];
    writeFileSync(join(folder, "nats.conf"), `${lines.join("\n")}\n`);
    writeFileSync(join(folder, "signer"), new TextDecoder().decode(signer.getSeed()), { mode: 0o600 });
    const settings = {
      mqttBroker: `mqtt://127.0.0.1:${port}`,
      mqttBrokerKind: "nats",
      natsAccount: name(account),
      natsKeyFile: join(folder, "signer"),
    };
    const broker = new RealBroker(port, settings, "nats-server", ["-c", join(folder, "nats.conf")]);
    await broker.start();
    return broker;
  }

  /** The settings as a server takes them on its command line. */
  get flags(): string[] {
    const flagOf = (key: string) => `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    return Object.entries(this.settings).flatMap(([key, value]) => [flagOf(key), String(value)]);
  }

  async start(): Promise<void> {
    this.process = spawn(this.program, this.args, { env, stdio: "ignore" });
    await eventually(() => listens(this.port), `${this.program} to listen`);
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    const child = this.process;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await gone;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = dial(port, "127.0.0.1");
    socket.once("error", () => resolve(false));
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}
