import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";

/** Where Maven puts it: `mvn dependency:get -Dtransitive=false -Dartifact=org.gaul:s3proxy:2.6.0:jar:jar-with-dependencies`. */
const REPOSITORY = join(homedir(), ".m2/repository/org/gaul/s3proxy");

/** The jar of S3Proxy, by MOTE_S3PROXY or from Maven's repository; a sentence where there is none. */
function findJar(): { jar: string } | { reason: string } {
  const named = process.env["MOTE_S3PROXY"];
  const versions = existsSync(REPOSITORY) ? readdirSync(REPOSITORY) : [];
  const jars = versions.map((version) =>
    join(REPOSITORY, version, `s3proxy-${version}-jar-with-dependencies.jar`),
  );
  const jar = named ?? jars.find((one) => existsSync(one));
  if (jar === undefined) return { reason: "S3Proxy is not there (MOTE_S3PROXY names its jar)" };
  try {
    execFileSync("java", ["-version"], { stdio: "ignore" });
    return { jar };
  } catch {
    return { reason: "there is no Java to run S3Proxy" };
  }
}

const found = findJar();

/** Why no S3-compatible storage can be started here; null where it can. */
export function whyNoS3(): string | null {
  return "reason" in found ? found.reason : null;
}

/** A real storage that speaks S3's protocol, checks signatures and keeps its objects in a folder. */
export class TestStorage {
  static readonly credentials = { id: "mote-test", secret: "not-a-secret" } as const;
  private readonly folder = mkdtempSync(join(tmpdir(), "mote-s3-"));
  private process: ChildProcess | null = null;

  private constructor(private readonly port: number) {}

  static async start(): Promise<TestStorage> {
    const storage = new TestStorage(await freePort());
    await storage.up();
    return storage;
  }

  get environment(): Record<string, string> {
    return {
      AWS_ACCESS_KEY_ID: TestStorage.credentials.id,
      AWS_SECRET_ACCESS_KEY: TestStorage.credentials.secret,
      AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${this.port}`,
      AWS_REGION: "us-east-1",
    };
  }

  /** Each a bucket of its own. */
  makeBucket(name: string): void {
    mkdirSync(join(this.folder, "objects", name), { recursive: true });
  }

  async up(): Promise<void> {
    if ("reason" in found) throw new Error(found.reason);
    mkdirSync(join(this.folder, "objects"), { recursive: true });
    const settings = join(this.folder, "s3proxy.conf");
    writeFileSync(
      settings,
      [
        `s3proxy.endpoint=http://127.0.0.1:${this.port}`,
        "s3proxy.authorization=aws-v4",
        `s3proxy.identity=${TestStorage.credentials.id}`,
        `s3proxy.credential=${TestStorage.credentials.secret}`,
        "jclouds.provider=filesystem-nio2",
        "jclouds.identity=unused",
        "jclouds.credential=unused",
        `jclouds.filesystem.basedir=${join(this.folder, "objects")}`,
      ].join("\n"),
    );
    this.process = spawn("java", ["-jar", found.jar, "--properties", settings], { stdio: "ignore" });
    for (let tries = 0; ; tries++) {
      const answers = await fetch(`http://127.0.0.1:${this.port}/`).then(
        () => true,
        () => false,
      );
      if (answers) return;
      if (this.process.exitCode !== null || tries > 600) throw new Error("S3Proxy did not start");
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async down(): Promise<void> {
    const { process } = this;
    this.process = null;
    if (process === null || process.exitCode !== null) return;
    process.kill("SIGKILL");
    await once(process, "exit");
  }

  async remove(): Promise<void> {
    await this.down();
    rmSync(this.folder, { recursive: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}
