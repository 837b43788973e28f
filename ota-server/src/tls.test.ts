import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createDeviceClient, encodeFrame, type Fetch, sessionMessage, toHex, topics } from "@mote/protocol";
import { generateKey } from "@mote/protocol/node";
import mqtt from "mqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestDevice } from "./testing/device.js";
import { certificateNotes, readTls } from "./tls.js";

const MAIN = fileURLToPath(new URL("../dist/main.js", import.meta.url));
const hasOpenssl = (() => {
  try {
    execFileSync("openssl", ["version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

/** The real command with a certificate of its own, and a device that trusts that certificate and no other. */
describe.skipIf(!hasOpenssl || !existsSync(MAIN))("TLS (needs openssl and the built server)", () => {
  const folder = mkdtempSync(join(tmpdir(), "mote-tls-"));
  const [key, cert] = [join(folder, "tls.key"), join(folder, "tls.crt")];
  let server: ChildProcess;
  let url = "";
  let mqttUrl = "";

  beforeAll(async () => {
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
    const form = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1".split(" ");
    execFileSync("openssl", [...form, ...subject, "-keyout", key, "-out", cert], { stdio: "ignore" });
    const args = ["--data", join(folder, "data"), "--port", "0", "--mqtt-port", "0"];
    server = spawn(process.execPath, [MAIN, ...args, "--tls-key", key, "--tls-cert", cert], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    const line = await new Promise<string>((resolve, reject) => {
      server.stdout!.once("data", (chunk: Buffer) => resolve(chunk.toString()));
      server.once("exit", (code) => reject(new Error(`the server ended with ${code}`)));
    });
    ({ url, mqttUrl } = JSON.parse(line) as { url: string; mqttUrl: string });
  }, 60_000);

  afterAll(async () => {
    const gone = new Promise((resolve) => server.once("exit", resolve));
    server.kill("SIGTERM");
    await gone;
    rmSync(folder, { recursive: true, force: true });
  });

  it("refuses a key and a certificate that do not belong together, by --check too, and warns of one past its time", () => {
    const other = join(folder, "other.key");
    execFileSync("openssl", ["genpkey", "-algorithm", "ed25519", "-out", other], { stdio: "ignore" });
    const refused = expect.objectContaining({ code: "MOTE_CONFIG", exitCode: 2 });
    for (const [tlsKey, tlsCert] of [
      [other, cert],
      [cert, key],
      [MAIN, cert],
    ] as const) {
      expect(() => readTls({ tlsKey, tlsCert })).toThrow(refused);
      const flags = ["--data", folder, "--check", "--tls-key", tlsKey, "--tls-cert", tlsCert];
      const { status, stderr } = spawnSync(process.execPath, [MAIN, ...flags], { encoding: "utf8" });
      expect([status, stderr]).toEqual([2, expect.stringMatching(/MOTE_CONFIG.*belong together/)]);
    }
    const tls = readTls({ tlsKey: key, tlsCert: cert });
    const DAY_MS = 86_400_000;
    expect(certificateNotes(tls, Date.now()).join()).toMatch(/expires at/);
    expect(certificateNotes(tls, Date.now() + 2 * DAY_MS).join()).toMatch(/has expired/);
    expect(certificateNotes(tls, Date.now() - 2 * DAY_MS).join()).toMatch(/not valid before/);
    expect(certificateNotes(null, Date.now())).toEqual([]);
  });

  /** `fetch` that trusts this certificate alone: Node's own has no such option. */
  const pinned: Fetch = (to, init) =>
    new Promise((resolve, reject) => {
      const asked = request(
        to,
        { method: init?.method ?? "GET", headers: init?.headers ?? {}, ca: readFileSync(cert) },
        (response) =>
          resolve({
            status: response.statusCode ?? 0,
            headers: { get: (name) => String(response.headers[name] ?? "") },
            body: response,
          }),
      );
      asked.on("error", reject);
      asked.end(init?.body);
    });

  it("carries a device's whole life: https, mqtts and wss, with this certificate alone", async () => {
    expect(url).toMatch(/^https:/);
    expect(mqttUrl).toMatch(/^mqtts:/);
    const admin = readFileSync(join(folder, "data", "admin.token"), "utf8").trim();
    const operator = async (method: string, path: string, body?: object) => {
      const headers = { authorization: `Bearer ${admin}`, "content-type": "application/json" };
      const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
      const { status, body: stream } = await pinned(`${url}${path}`, init);
      let text = "";
      for await (const chunk of stream ?? []) text += Buffer.from(chunk).toString();
      expect(status, text).toBe(200);
      return JSON.parse(text);
    };
    const { tokens } = await operator("POST", "/api/v1/enrolment-tokens", { product: "digits" });
    const client = createDeviceClient(url, pinned);
    const secret = generateKey();
    const publicKey = toHex(secret.publicKey);
    const enrolled = await client.enroll({
      token: tokens[0].token,
      deviceId: "tls-1",
      publicKey,
      hardware: "gateway",
      tags: {},
    });
    expect(enrolled.mqttUrl).toMatch(/^mqtts:/);
    const nonce = await client.nonce("tls-1");
    const { token } = await client.session(
      "tls-1",
      nonce,
      toHex(secret.sign(sessionMessage("tls-1", nonce))),
    );
    const frames = new TestDevice("tls-1", url);
    const ways = [mqttUrl, `${url.replace(/^https/, "wss")}/mqtt`];
    for (const way of ways) {
      const link = await mqtt.connectAsync(way, {
        clientId: "tls-1",
        username: "tls-1",
        password: token,
        protocolVersion: 4,
        reconnectPeriod: 0,
        ca: readFileSync(cert),
      });
      const frame = encodeFrame(frames.frame({ confidence: 0.9, accuracy: 1 }));
      await link.publishAsync(topics.telemetry("tls-1"), Buffer.from(frame), { qos: 1 });
      await link.endAsync();
    }
    const detail = await operator("GET", "/api/v1/devices/tls-1");
    expect(detail.telemetry[0].windows).toBe(ways.length);
  });

  it("is refused by who does not know the certificate", async () => {
    await expect(fetch(`${url}/health`)).rejects.toThrow();
    await expect(mqtt.connectAsync(mqttUrl, { reconnectPeriod: 0 })).rejects.toThrow(
      /self-signed|certificate/,
    );
  });

  it("is not spoken in the clear on the same ports", async () => {
    await expect(fetch(`${url.replace(/^https/, "http")}/health`)).rejects.toThrow();
  });

  it("is asked for beyond loopback, unless the words are said", () => {
    const start = (...more: string[]) =>
      execFileSync(process.execPath, [MAIN, "--check", "--data", folder, "--host", "0.0.0.0", ...more], {
        stdio: ["ignore", "pipe", "pipe"],
      }).toString();
    expect(() => start()).toThrow(/TLS on an address beyond loopback/);
    expect(start("--insecure-listen")).toContain('"checked"');
  });
});
