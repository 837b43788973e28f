import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTcpServer } from "node:net";
import {
  decodeFrame,
  decodeReportBatch,
  type Offer,
  type PollRequest,
  parseTopic,
  type Route,
  sessionMessage,
  type TargetFile,
  type TelemetryFrame,
  toHex,
  topics,
  type UpdateReport,
} from "@mote/protocol";
import { nodeVerify, TestRepository } from "@mote/protocol/node";
import { Aedes } from "aedes";
import { digestOf, PRODUCT, type TinyRelease } from "./tiny-release.js";

/**
 * The device contract over real HTTP with a real trust repository, and with faults that a test asks for. The journeys
 * of test/ use the real server; this one can be wrong on purpose.
 */
export class ContractServer {
  readonly repository = new TestRepository();
  readonly blobs = new Map<string, Uint8Array>();
  readonly reports = new Map<string, UpdateReport[]>();
  readonly polls: PollRequest[] = [];
  readonly requests: string[] = [];
  /** What the next polls answer. */
  offer: Offer | null = null;
  pollIntervalS = 0.1;
  /** Changes a blob's bytes on their way; a test's corrupt link. */
  tamper: (sha256: string, bytes: Uint8Array) => Uint8Array = (_, bytes) => bytes;
  /** Cuts the connection after so many bytes of a blob's answer, once per entry. */
  readonly cuts: number[] = [];
  isDown = false;
  /** Frames by device, in the order of arrival; one that comes again is here twice. */
  readonly frames = new Map<string, TelemetryFrame[]>();
  /** What the broker heard of each device's presence. */
  readonly presence: string[] = [];
  broker: Broker | null = null;
  readonly #keys = new Map<string, string>();
  readonly #server: Server;

  private constructor() {
    this.repository.nowMs = Date.now();
    this.repository.publishRoot();
    this.repository.publish();
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        response.writeHead(500).end(String(error));
      });
    });
  }

  static async start(): Promise<ContractServer> {
    const server = new ContractServer();
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  /** Starts a real MQTT broker; enrolments from now on name it. */
  async startBroker(port = 0): Promise<Broker> {
    const aedes = await Aedes.createBroker();
    aedes.authenticate = (_, username, password, done) => {
      done(null, password?.toString() === `token-${username}`);
    };
    aedes.authorizePublish = (client, packet, done) => {
      const device = parseTopic(packet.topic);
      const payload = new Uint8Array(Buffer.from(packet.payload));
      if (device?.kind === "telemetry") {
        const held = this.frames.get(device.deviceId) ?? [];
        this.frames.set(device.deviceId, [...held, decodeFrame(payload)]);
      }
      if (device?.kind === "report") this.#addReports(device.deviceId, decodeReportBatch(payload));
      if (device?.kind === "presence")
        this.presence.push(`${client === null ? "will" : "word"} ${packet.payload}`);
      done(null);
    };
    const tcp = createTcpServer((stream) => void aedes.handle(stream));
    await new Promise<void>((resolve) => tcp.listen(port, "127.0.0.1", resolve));
    const address = tcp.address();
    if (address === null || typeof address === "string") throw new Error("not listening");
    const broker: Broker = {
      port: address.port,
      hint: (deviceId) =>
        aedes.publish(
          {
            cmd: "publish",
            topic: topics.command(deviceId),
            payload: "poll",
            qos: 0,
            dup: false,
            retain: false,
          },
          () => {},
        ),
      stop: async () => {
        if (this.broker === broker) this.broker = null;
        await new Promise<void>((resolve) => aedes.close(resolve));
        await new Promise((resolve) => tcp.close(resolve));
      },
    };
    this.broker = broker;
    return broker;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("not listening");
    return `http://127.0.0.1:${address.port}`;
  }

  async stop(): Promise<void> {
    await this.broker?.stop();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get rootBytes(): Uint8Array {
    return this.repository.files.get(`${this.repository.rootVersion}.root.json`)!;
  }

  /** Signs a release and serves its blobs. */
  publish(release: TinyRelease): void {
    const { manifest, manifestBytes } = release;
    for (const [sha256, bytes] of release.blobs) this.blobs.set(sha256, bytes);
    const target: TargetFile = {
      length: manifestBytes.length,
      hashes: { sha256: digestOf(manifestBytes) },
      custom: {
        name: PRODUCT,
        version: manifest.version,
        sequence: manifest.sequence,
        hardware: manifest.variants.flatMap((variant) => variant.hardware),
      },
    };
    this.repository.targets = { ...this.repository.targets, [release.path]: target };
    this.repository.publish();
  }

  /** Puts bytes where blobs are served, and names the route to them. */
  route(codec: Route["codec"], blob: Uint8Array, baseSha256: string | null = null): Route {
    const sha256 = digestOf(blob);
    this.blobs.set(sha256, blob);
    return { codec, baseSha256, blob: { sha256, length: blob.length } };
  }

  offerOf(release: TinyRelease, routes: Route[], change: Partial<Offer> = {}): Offer {
    const { name, version, sequence } = release.manifest;
    return {
      id: `r${sequence}:${change.kind ?? "update"}`,
      kind: "update",
      name,
      version,
      sequence,
      target: release.path,
      routes,
      preconditions: {},
      ...change,
    };
  }

  /** Offers a release whole. */
  offerWhole(release: TinyRelease): void {
    this.offer = this.offerOf(release, [this.route("full", release.model)]);
  }

  reportsOf(deviceId: string): UpdateReport[] {
    return this.reports.get(deviceId) ?? [];
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
    const path = new URL(request.url ?? "/", "http://x").pathname;
    this.requests.push(`${request.method} ${path}`);
    if (this.isDown) {
      return request.socket.destroy();
    }
    const metadata = /^\/tuf\/metadata\/(.+)$/.exec(path);
    if (metadata) return this.#bytes(response, this.repository.files.get(decodeURIComponent(metadata[1]!)));
    const blob = /^\/blobs\/([0-9a-f]{64})$/.exec(path);
    if (blob) return this.#blob(blob[1]!, request, response);
    const body: unknown = JSON.parse(await text(request));
    if (path === "/api/v1/enroll") return this.#enroll(body, response);
    const device = /^\/api\/v1\/devices\/([^/]+)\/(nonce|session|poll|reports)$/.exec(path);
    if (!device) return json(response, 404, { code: "MOTE_NOT_FOUND", message: path, requestId: "0" });
    return this.#device(device[1]!, device[2]!, body, response);
  }

  #enroll(body: unknown, response: ServerResponse): unknown {
    const { deviceId, publicKey, token } = body as { deviceId: string; publicKey: string; token: string };
    if (token === "used-token-0000000") {
      return json(response, 403, { code: "MOTE_TOKEN_USED", message: "the token was used", requestId: "1" });
    }
    this.#keys.set(deviceId, publicKey);
    return json(response, 200, {
      deviceId,
      product: PRODUCT,
      // Without a broker nobody listens there: reports go over HTTP, as where a network blocks MQTT.
      mqttUrl: `mqtt://127.0.0.1:${this.broker?.port ?? 9}`,
      pollIntervalS: this.pollIntervalS,
    });
  }

  #device(deviceId: string, door: string, body: unknown, response: ServerResponse): unknown {
    switch (door) {
      case "nonce":
        return json(response, 200, { nonce: "7".repeat(64) });
      case "session": {
        const { nonce, signature } = body as { nonce: string; signature: string };
        const key = this.#keys.get(deviceId) ?? "";
        const hex = (value: string) => new Uint8Array(Buffer.from(value, "hex"));
        const good = nodeVerify(hex(key), sessionMessage(deviceId, nonce), hex(signature));
        return good
          ? json(response, 200, { token: `token-${deviceId}`, expiresInS: 3600 })
          : json(response, 401, { code: "MOTE_SESSION", message: "wrong signature", requestId: "2" });
      }
      case "poll":
        this.polls.push(body as PollRequest);
        return json(response, 200, { offer: this.offer, pollIntervalS: this.pollIntervalS });
      default: {
        const { reports } = body as { reports: UpdateReport[] };
        this.#addReports(deviceId, reports);
        return json(response, 200, { accepted: reports.map(({ id }) => id) });
      }
    }
  }

  /** A report that comes again is acknowledged and not counted again. */
  #addReports(deviceId: string, reports: readonly UpdateReport[]): void {
    const held = this.reportsOf(deviceId);
    const fresh = reports.filter(({ id }) => !held.some((report) => report.id === id));
    this.reports.set(deviceId, [...held, ...fresh]);
  }

  #bytes(response: ServerResponse, bytes: Uint8Array | undefined): unknown {
    if (bytes === undefined)
      return json(response, 404, { code: "MOTE_NOT_FOUND", message: "", requestId: "3" });
    return response.writeHead(200, { "content-length": bytes.length }).end(bytes);
  }

  #blob(sha256: string, request: IncomingMessage, response: ServerResponse): unknown {
    const held = this.blobs.get(sha256);
    if (held === undefined) return this.#bytes(response, undefined);
    const whole = this.tamper(sha256, held);
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    const part = whole.subarray(from);
    response.writeHead(from > 0 ? 206 : 200, {
      "content-length": part.length,
      etag: `"${toHex(new Uint8Array(Buffer.from(sha256, "hex")))}"`,
      ...(from > 0 ? { "content-range": `bytes ${from}-${whole.length - 1}/${whole.length}` } : {}),
    });
    const cut = this.cuts.shift();
    if (cut === undefined) return response.end(part);
    return response.write(part.subarray(0, cut), () => setTimeout(() => response.destroy(), 20));
  }
}

export interface Broker {
  readonly port: number;
  /** The server's hint to poll now. */
  hint(deviceId: string): void;
  stop(): Promise<void>;
}

function json(response: ServerResponse, status: number, document: unknown): ServerResponse {
  return response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(document));
}

async function text(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8") || "{}";
}
