import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const DEBIAN = "/usr/lib/postgresql";
const START_ATTEMPTS = 20;

/** Folder of initdb and postgres, the newest version that is installed; null where there is none. */
export function postgresBinaries(): string | null {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    ...versions.map((version) => join(DEBIAN, version, "bin")),
    ...(process.env["PATH"] ?? "").split(":"),
  ];
  return (
    folders.find((folder) => existsSync(join(folder, "initdb")) && existsSync(join(folder, "pg_ctl"))) ?? null
  );
}

/** PostgreSQL refuses to run as root; tests that are root run it as the user that Debian's package makes. */
function asOwner(command: string, args: readonly string[]): [string, string[]] {
  if (process.getuid?.() !== 0) return [command, [...args]];
  return ["setpriv", ["--reuid=postgres", "--regid=postgres", "--clear-groups", command, ...args]];
}

function ownerIds(): { uid: number; gid: number } | null {
  if (process.getuid?.() !== 0) return null;
  const id = (flag: string) => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" }));
  return { uid: id("-u"), gid: id("-g") };
}

/** Why no cluster can be started here; null where one can. */
export function whyNoPostgres(): string | null {
  if (postgresBinaries() === null) return "PostgreSQL is not installed";
  if (process.getuid?.() !== 0) return null;
  return spawnSync("id", ["-u", "postgres"]).status === 0 ? null : "root, and no user postgres to run it";
}

/** A PostgreSQL cluster of its own in a folder of its own, as durable as an operator's. */
export class TestCluster {
  readonly folder: string;
  private readonly bin: string;
  private readonly settings: readonly string[];
  private port = 0;
  private databases = 0;

  private constructor(bin: string, folder: string, settings: readonly string[]) {
    this.bin = bin;
    this.folder = folder;
    this.settings = settings;
  }

  /**
   * @param parent where its folder is made: a small disk, for instance.
   * @param settings beside PostgreSQL's defaults, as `name=value`.
   */
  static async start(parent = tmpdir(), settings: readonly string[] = []): Promise<TestCluster> {
    const bin = postgresBinaries();
    if (bin === null) throw new Error("PostgreSQL is not installed");
    const folder = mkdtempSync(join(parent, "mote-pg-"));
    const cluster = new TestCluster(bin, folder, settings);
    const data = cluster.data;
    mkdirSync(data);
    const owner = ownerIds();
    if (owner !== null) for (const path of [folder, data]) chownSync(path, owner.uid, owner.gid);
    chmodSync(data, 0o700);
    cluster.run("initdb", [
      "-D",
      data,
      "-U",
      "mote",
      "--auth=trust",
      "--encoding=UTF8",
      "--no-sync",
      "--wal-segsize=1",
    ]);
    cluster.port = await freePort();
    await cluster.up();
    return cluster;
  }

  get data(): string {
    return join(this.folder, "data");
  }

  /** Address of a new empty database. */
  makeDatabase(): string {
    const name = `mote_${++this.databases}`;
    this.run("createdb", ["-h", "127.0.0.1", "-p", String(this.port), "-U", "mote", name]);
    return `postgres://mote@127.0.0.1:${this.port}/${name}`;
  }

  /** Starts it on what is in the folder, recovering from the log where it was killed. */
  async up(): Promise<void> {
    const own = [`port=${this.port}`, "listen_addresses=127.0.0.1", "unix_socket_directories="];
    const options = [...own, ...this.settings].map((setting) => `-c ${setting}`).join(" ");
    const log = join(this.folder, "log");
    for (let attempt = 1; ; attempt++) {
      try {
        const start = ["start", "-w", "-t", "120", "-D", this.data, "-l", log, "-o", options];
        const [command, args] = asOwner(join(this.bin, "pg_ctl"), start);
        // Recovery takes seconds, in which the tests' own timers and connections go on.
        return await ended(spawn(command, args, { stdio: "ignore", cwd: "/" }));
      } catch (error) {
        // It refuses while a killed one's last child still holds the shared memory.
        if (attempt === START_ATTEMPTS) throw error;
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
    }
  }

  /** The process id of its first process. */
  pid(): number {
    const text = execFileSync("head", ["-1", join(this.data, "postmaster.pid")], { encoding: "utf8" });
    return Number(text);
  }

  /** SIGKILL to it and its children, as an out-of-memory killer or an operator in despair would. */
  kill(): void {
    const pid = this.pid();
    const children = execFileSync("ps", ["-o", "pid=", "--ppid", String(pid)], { encoding: "utf8" });
    process.kill(pid, "SIGKILL");
    for (const child of children.split(/\s+/).filter(Boolean)) {
      try {
        process.kill(Number(child), "SIGKILL");
      } catch {
        // It ended with its parent.
      }
    }
  }

  stop(): void {
    this.run("pg_ctl", ["stop", "-w", "-m", "immediate", "-D", this.data]);
  }

  remove(): void {
    try {
      this.stop();
    } catch {
      // It isn't running.
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  private run(program: string, args: readonly string[]): void {
    const [command, rest] = asOwner(join(this.bin, program), args);
    // pg_ctl's child keeps the pipes open, so output goes nowhere; the cluster has a log of its own.
    const { status, error } = spawnSync(command, rest, { stdio: "ignore", cwd: "/" });
    if (status !== 0) throw error ?? new Error(`${program} ${args.join(" ")} ended with ${status}`);
  }
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (status) => {
      if (status === 0) resolve();
      else reject(new Error(`${child.spawnargs.join(" ")} ended with ${status}`));
    });
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
