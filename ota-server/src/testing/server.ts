import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OperatorClient } from "@mote/protocol";
import { generateKey, type ServerKeys, writeServerKeys } from "@mote/protocol/node";
import { checkConfig } from "../config.js";
import { PatchWorker } from "../delivery/patchWorker.js";
import { SILENT } from "../log.js";
import { newSecret, sha256Hex } from "../secrets.js";
import { MoteServer } from "../server.js";
import { putPerson } from "../store/people.js";
import { signedInDevices, type TestDevice } from "./device.js";
import { TestSigners } from "./release.js";

/** A real server on free ports in a folder of its own, with an operator, and people who can sign. */
export class TestBench {
  readonly signers = new TestSigners();
  readonly folder = mkdtempSync(join(tmpdir(), "mote-server-"));
  readonly keys: ServerKeys;
  server!: MoteServer;
  operator!: OperatorClient;
  /** The operator's. */
  token = "";
  /** Added to the real clock. */
  aheadMs = 0;

  private constructor(
    private readonly settings: Record<string, unknown>,
    mode: "offline" | "server",
  ) {
    const targets = mode === "server" ? generateKey() : null;
    this.keys = { snapshot: generateKey(), timestamp: generateKey(), targets };
  }

  static async start(
    settings: Record<string, unknown> = {},
    mode: "offline" | "server" = "offline",
  ): Promise<TestBench> {
    const bench = new TestBench(settings, mode);
    await writeServerKeys(join(bench.folder, "keys"), bench.keys);
    await bench.restart();
    return bench;
  }

  now(): number {
    return Date.now() + this.aheadMs;
  }

  /** Starts the server on what is in the folder. */
  async restart(): Promise<void> {
    const config = checkConfig({
      data: this.folder,
      port: 0,
      mqttPort: 0,
      tickMs: 50,
      pollIntervalS: 1,
      ...this.settings,
    });
    this.server = await MoteServer.start({
      config,
      clock: () => this.now(),
      log: SILENT,
      patches: new PatchWorker(),
    });
    this.token = readFileSync(join(this.folder, "admin.token"), "utf8").trim();
    this.operator = new OperatorClient({ url: this.server.url, token: this.token, fetch });
  }

  async publishRoot(): Promise<Uint8Array> {
    const root = this.signers.rootFor(this.keys, this.now());
    await this.operator.putMetadata("1.root.json", root);
    return root;
  }

  /** Enrolled, signed in and connected. */
  async devices(count: number, prefix = "cam"): Promise<TestDevice[]> {
    const nameOf = (i: number) => `${prefix}-${String(i + 1).padStart(2, "0")}`;
    const devices = await signedInDevices(this.operator, this.server.url, count, nameOf);
    await Promise.all(devices.map((device) => device.connect()));
    return devices;
  }

  /** @returns the person's token. */
  async addPerson(id: string, role: string): Promise<string> {
    const token = newSecret("mote");
    const person = { id, role, createdAtMs: this.now(), revokedAtMs: null };
    await this.server.store.write((db) => putPerson(db, person, sha256Hex(token)));
    return token;
  }

  async close(): Promise<void> {
    await this.server.close();
    rmSync(this.folder, { recursive: true });
  }
}

/** Waits for what another party does by itself; the limit only ends a test that hangs. */
export async function eventually<T>(
  look: () => Promise<T | null | false>,
  what: string,
  limitMs = 90_000,
): Promise<T> {
  const limit = Date.now() + limitMs;
  while (Date.now() < limit) {
    const found = await look();
    if (found !== null && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`Waited in vain for ${what}.`);
}
