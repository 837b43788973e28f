import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createDeviceClient, type Fetch, OperatorClient, sessionMessage, toHex } from "@mote/protocol";
import { generateKey, writeServerKeys } from "@mote/protocol/node";
import { MeasuredProcess } from "./measured-process.js";
import { inParallel, type SwarmMember } from "./mqtt-swarm.js";

const SERVER = resolve(import.meta.dirname, "../../ota-server/dist/main.js");

export interface Fleet {
  readonly process: MeasuredProcess;
  readonly url: string;
  readonly mqttUrl: string;
  readonly members: readonly SwarmMember[];
  readonly folder: string;
}

/** A server on a fresh folder, with `devices` enrolled and signed in, each with a key of its own. */
export async function startFleet(devices: number, tls: boolean): Promise<Fleet> {
  const folder = mkdtempSync(join(tmpdir(), "mote-load-"));
  await writeServerKeys(join(folder, "keys"), {
    snapshot: generateKey(),
    timestamp: generateKey(),
    targets: null,
  });
  const args = ["--data", folder, "--port", "0", "--mqtt-port", "0", "--poll-interval-s", "300"];
  if (tls) {
    const key = join(folder, "tls.key");
    const cert = join(folder, "tls.crt");
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"];
    execFileSync(
      "openssl",
      [
        ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1".split(" "),
        ...subject,
        "-keyout",
        key,
        "-out",
        cert,
      ],
      { stdio: "ignore" },
    );
    args.push("--tls-key", key, "--tls-cert", cert);
    // The certificate is this benchmark's own.
    process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
  }
  const server = await MeasuredProcess.start(SERVER, ...args);
  const { url, mqttUrl } = JSON.parse(server.ready) as { url: string; mqttUrl: string };
  const token = readFileSync(join(folder, "admin.token"), "utf8").trim();
  const operator = new OperatorClient({ url, token, fetch });
  const client = createDeviceClient(url, fetch as Fetch);
  const members: SwarmMember[] = [];
  for (let made = 0; made < devices; made += 1000) {
    const count = Math.min(1000, devices - made);
    const { tokens } = await operator.createEnrolmentTokens({ product: "load", count });
    await inParallel(tokens, 32, async (each, index) => {
      const id = `load-${made + index}`;
      const key = generateKey();
      await client.enroll({
        token: each.token,
        deviceId: id,
        publicKey: toHex(key.publicKey),
        hardware: "gateway",
        tags: {},
      });
      const nonce = await client.nonce(id);
      const session = await client.session(id, nonce, toHex(key.sign(sessionMessage(id, nonce))));
      members.push({ id, token: session.token });
    });
    process.stderr.write(`\r${made + count} of ${devices} devices enrolled${tls ? " (TLS)" : ""}  `);
  }
  process.stderr.write("\n");
  return { process: server, url, mqttUrl, members, folder };
}

export async function endFleet({ process: server, folder }: Fleet): Promise<void> {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}
