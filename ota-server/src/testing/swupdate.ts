import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256 } from "./release.js";

/** Debian's SWUpdate as a device: real CMS-signed `.swu` files, the real daemon, and a bad line to it. */

export function hasSwupdate(): boolean {
  try {
    execFileSync("swupdate", ["--version"], { stdio: "ignore" });
    execFileSync("openssl", ["version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

export class SwupdateDevice {
  readonly folder = mkdtempSync(join(tmpdir(), "mote-swu-"));
  /** Where an update puts its file. */
  readonly installed = join(this.folder, "model.bin");
  private readonly key = join(this.folder, "key.pem");
  private readonly certificate = join(this.folder, "cert.pem");
  private daemon: ChildProcess | null = null;
  private log = "";

  constructor() {
    openssl("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=release", [
      "-keyout",
      this.key,
      "-out",
      this.certificate,
    ]);
  }

  /** A `.swu` that writes `payload` to `installed`. @param inside what the file really holds, where it was tampered with. */
  pack(version: string, payload: Uint8Array, inside: Uint8Array = payload): Uint8Array {
    const description = Buffer.from(`software = {
      version = "${version}";
      hardware-compatibility: ["1.0"];
      files: ({ filename = "model.bin"; path = "${this.installed}"; sha256 = "${sha256(payload)}"; });
    }`);
    const plain = join(this.folder, "sw-description");
    writeFileSync(plain, description);
    openssl("cms -sign -binary -nosmimecap -outform DER", [
      "-in",
      plain,
      "-out",
      `${plain}.sig`,
      "-signer",
      this.certificate,
      "-inkey",
      this.key,
    ]);
    return cpio([
      ["sw-description", description],
      ["sw-description.sig", readFileSync(`${plain}.sig`)],
      ["model.bin", inside],
    ]);
  }

  /** @param confirm "2" after a restart: the update is well. */
  start(options: { url: string; id: string; token: string; confirm?: "2" }): void {
    const config = join(this.folder, "swupdate.cfg");
    writeFileSync(
      config,
      'globals: { verbose = true; };\nidentify: ({ name = "serial"; value = "SN-17"; });\n',
    );
    const suricatta = [
      ...["-t", "default", "-i", options.id, "-u", options.url, "-k", options.token],
      ...["-p", "1", "-r", "5", "-w", "1"],
      ...(options.confirm === undefined ? [] : ["-c", options.confirm]),
    ].join(" ");
    const args = ["-f", config, "-H", "board:1.0", "-k", this.certificate, "-u", suricatta, "-l", "4"];
    // Its sockets and state stay in the device's own folder.
    const env = { ...process.env, TMPDIR: this.folder };
    this.daemon = spawn("swupdate", args, { cwd: this.folder, env, stdio: ["ignore", "pipe", "pipe"] });
    const keep = (chunk: Buffer) => {
      this.log = (this.log + chunk.toString()).slice(-100_000);
    };
    this.daemon.stdout?.on("data", keep);
    this.daemon.stderr?.on("data", keep);
  }

  /** What the daemon has printed. */
  get output(): string {
    return this.log;
  }

  async stop(): Promise<void> {
    const daemon = this.daemon;
    this.daemon = null;
    if (daemon === null || daemon.exitCode !== null) return;
    const gone = new Promise((resolve) => daemon.once("exit", resolve));
    daemon.kill("SIGTERM");
    await gone;
  }

  async close(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function openssl(command: string, args: readonly string[]): void {
  execFileSync("openssl", [...command.split(" "), ...args], { stdio: "ignore" });
}

/** The archive that SWUpdate reads: "newc" headers with a checksum of each file (cpio -H crc). */
function cpio(files: readonly (readonly [string, Uint8Array])[]): Uint8Array {
  const parts: Buffer[] = [];
  const padTo4 = (length: number) => Buffer.alloc((4 - (length % 4)) % 4);
  const add = (name: string, bytes: Uint8Array, inode: number) => {
    const checksum = bytes.reduce((sum, byte) => (sum + byte) >>> 0, 0);
    const fields = [inode, 0o100644, 0, 0, 1, 0, bytes.length, 0, 0, 0, 0, name.length + 1, checksum];
    const head = `070702${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}${name}\0`;
    parts.push(Buffer.from(head), padTo4(head.length), Buffer.from(bytes), padTo4(bytes.length));
  };
  for (const [i, [name, bytes]] of files.entries()) add(name, bytes, i + 1);
  add("TRAILER!!!", new Uint8Array(), 0);
  return Buffer.concat(parts);
}

/** A line to the server that breaks once, in the middle of the first download. */
export class BrokenLine {
  /** First line and range of every request that passed, in order. */
  readonly requests: string[] = [];
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private isBroken = false;

  private constructor(target: URL, cutAfterBytes: number) {
    this.server = createServer((client) => {
      const upstream: Socket = connect(Number(target.port), target.hostname);
      this.sockets.add(client).add(upstream);
      let isDownload = false;
      let passed = 0;
      client.on("data", (chunk) => {
        const text = chunk.toString("latin1");
        const first = /^(GET|HEAD|PUT|POST) (\S+)/.exec(text);
        if (first !== null) {
          const range = /^range: (.*)$/im.exec(text)?.[1]?.trim();
          this.requests.push(`${first[1]} ${first[2]}${range === undefined ? "" : ` ${range}`}`);
          isDownload = first[1] === "GET" && first[2]!.startsWith("/blobs/");
        }
        upstream.write(chunk);
      });
      upstream.on("data", (chunk) => {
        passed += isDownload ? chunk.length : 0;
        if (isDownload && !this.isBroken && passed > cutAfterBytes) {
          this.isBroken = true;
          client.destroy();
          upstream.destroy();
          return;
        }
        client.write(chunk);
      });
      const end = () => {
        client.destroy();
        upstream.destroy();
      };
      for (const socket of [client, upstream]) socket.on("error", end).on("close", end);
    });
  }

  /** @returns the line and the address to use in place of `url`. */
  static async open(url: string, cutAfterBytes: number): Promise<{ line: BrokenLine; url: string }> {
    const line = new BrokenLine(new URL(url), cutAfterBytes);
    await new Promise<void>((resolve) => line.server.listen(0, "127.0.0.1", resolve));
    const address = line.server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    return { line, url: `http://127.0.0.1:${port}` };
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
