import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { OperatorClient, type RehearsedFleet } from "@mote/protocol";
import { initTrust } from "../release/init.js";
import { MetadataFolder } from "../release/metadata-folder.js";
import { publishMetadata } from "../release/publish.js";
import { type Exposure, ExposureCount } from "./exposure.js";
import { findProgram, type JsonLine, Program } from "./program.js";

/** Days that the trust of a rehearsal stands: longer than any rehearsal runs. */
const TRUST_DAYS = 3650;
const TICK_MS = 100;
/** A rehearsal's devices poll by the second, all from one address. */
const REQUESTS_PER_MINUTE = 1_000_000;

/** A server of its own on loopback, with trust of its own, and the devices of the rehearsal. All of it in one folder. */
export class Stage {
  private readonly exposures: ExposureCount;
  #fleet: Program | null = null;

  private constructor(
    private readonly folder: string,
    readonly client: OperatorClient,
    readonly url: string,
    /** Of its first admin. */
    readonly token: string,
    private readonly rootFile: string,
    private readonly server: Program,
    candidateSequence: number,
  ) {
    this.exposures = new ExposureCount(candidateSequence);
  }

  /** @param folder empty; whoever made it removes it. */
  static async open(folder: string, pollS: number, candidateSequence: number): Promise<Stage> {
    const trust = await makeTrust(folder);
    const data = join(folder, "server");
    const args = [
      ["--data", data],
      ["--server-keys", trust.serverKeys],
      ["--port", "0"],
      ["--mqtt-port", "0"],
      ["--poll-interval-s", String(pollS)],
      ["--tick-ms", String(TICK_MS)],
      ["--device-requests-per-minute", String(REQUESTS_PER_MINUTE)],
    ].flat();
    let heard: (line: JsonLine) => void = () => {};
    const listening = new Promise<JsonLine>((resolve) => {
      heard = resolve;
    });
    const script = findProgram("@mote/ota-server", "mote-server");
    const server = new Program("the rehearsal's server", script, args, folder, (line) => heard(line));
    try {
      const url = String((await Promise.race([listening, server.failure()]))["url"]);
      const token = (await readFile(join(data, "admin.token"), "utf8")).trim();
      const client = new OperatorClient({ url, token, fetch });
      await publishMetadata(client, trust.metadata);
      return new Stage(folder, client, url, token, trust.rootFile, server, candidateSequence);
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  get exposure(): Exposure {
    return this.exposures.now;
  }

  /** Devices that served by the new release at this time. */
  exposedAt(ms: number): number {
    return this.exposures.servingAt(ms);
  }

  /** Rejects when the server or the fleet ends by itself. */
  async failure(): Promise<never> {
    return Promise.race([this.server.failure(), ...(this.#fleet === null ? [] : [this.#fleet.failure()])]);
  }

  async publish(bundle: Uint8Array): Promise<void> {
    const { product, version } = await this.client.uploadBundle(bundle);
    await this.client.signRelease({ product, version });
  }

  /** A client of somebody who may approve. */
  async person(id: string): Promise<OperatorClient> {
    const { token } = await this.client.putPerson({ id, role: "approver" });
    return new OperatorClient({ url: this.url, token, fetch });
  }

  async startFleet(fleet: RehearsedFleet, classes: number): Promise<void> {
    const file = join(this.folder, "fleet.json");
    await writeFile(file, JSON.stringify(fleet), { mode: 0o600 });
    const args = [
      ["rehearse", "--json"],
      ["--server", this.url],
      ["--root", this.rootFile],
      ["--fleet", file],
      ["--classes", String(classes)],
    ].flat();
    const script = findProgram("@mote/device-agent", "mote-agent");
    this.#fleet = new Program("the rehearsal's fleet", script, args, this.folder, (line) =>
      this.exposures.take(line),
    );
  }

  async close(): Promise<void> {
    await Promise.all([this.#fleet?.stop(), this.server.stop()]);
  }
}

async function makeTrust(folder: string) {
  await chmod(folder, 0o700);
  const one = { count: 1, threshold: 1 };
  const { rootFile, serverKeys } = await initTrust({
    out: join(folder, "trust"),
    mode: "server",
    root: one,
    targets: one,
    rootDays: TRUST_DAYS,
    targetsDays: TRUST_DAYS,
    nowMs: Date.now(),
    protectionFor: async () => ({ unencrypted: true }),
  });
  return { rootFile, serverKeys, metadata: await MetadataFolder.open(join(folder, "trust", "metadata")) };
}
