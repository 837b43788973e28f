import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import {
  encodeGolden,
  exampleManifest,
  packBundle,
  type TensorSpec,
  tensorBytes,
  toHex,
} from "@mote/protocol";
import { nodeSha256 } from "@mote/protocol/node";

const SERVER = fileURLToPath(new URL("../ota-server/dist/main.js", import.meta.url));

/** For tests of trust: a folder with people's keys and bundles in it, and a real server with its data beside them. */
export class TrustOffice {
  readonly folder: string;
  /** Of the server that was started last. */
  url = "";
  private server: ChildProcess | null = null;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async open(): Promise<TrustOffice> {
    return new TrustOffice(await mkdtemp(join(tmpdir(), "mote-office-")));
  }

  at(...names: string[]): string {
    return join(this.folder, ...names);
  }

  /** @param keys folder of the server's own keys. */
  async startServer(keys: string, ...flags: string[]): Promise<void> {
    const args = [
      SERVER,
      "--data",
      this.at("data"),
      "--server-keys",
      keys,
      "--port",
      "0",
      "--mqtt-port",
      "0",
    ];
    const child = spawn(process.execPath, [...args, ...flags], { stdio: ["ignore", "pipe", "ignore"] });
    this.server = child;
    for await (const line of createInterface({ input: child.stdout! })) {
      const entry = JSON.parse(line);
      if (entry.event !== "listening") continue;
      this.url = entry.url;
      child.stdout!.resume();
      return;
    }
    throw new Error("the server ended before it listened");
  }

  async stopServer(): Promise<void> {
    const child = this.server;
    this.server = null;
    if (child === null || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    await ended;
  }

  async close(): Promise<void> {
    await this.stopServer();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** A bundle of the example's variants, with bytes that tell releases apart. */
  async writeBundle(version: string, sequence: number): Promise<string> {
    const artifacts = new Map<string, Uint8Array>();
    const keep = (bytes: Uint8Array) => {
      const sha256 = toHex(nodeSha256(bytes));
      artifacts.set(sha256, bytes);
      return { sha256, length: bytes.length };
    };
    const variants = exampleManifest().variants.map((variant, i) => {
      const zeros = (spec: TensorSpec) => [new Uint8Array(tensorBytes(spec))];
      const { input, output } = variant;
      const golden = encodeGolden({ inputs: zeros(input), outputs: zeros(output) }, input, output);
      return {
        ...variant,
        artifact: keep(new Uint8Array(1000).fill(sequence + i)),
        golden: { ...variant.golden, inputs: keep(golden.inputs), outputs: keep(golden.outputs) },
      };
    });
    const path = this.at(`${version}.bundle`);
    const manifest = exampleManifest({ version, sequence, variants });
    await writeFile(path, packBundle({ manifest, artifacts }));
    return path;
  }

  /** Moves a key of `trust` into a folder of its holder's own. */
  async hand(label: string, holder: string): Promise<void> {
    await mkdir(this.at(holder));
    await rename(this.at("trust", `${label}.key.json`), this.at(holder, `${label}.key.json`));
  }
}
