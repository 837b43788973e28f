import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import {
  type Offer,
  type PollRequest,
  type Route,
  sessionMessage,
  type TargetFile,
  toHex,
  type UpdateReport,
} from "@mote/protocol";
import { nodeVerify, TestRepository } from "@mote/protocol/node";
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

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("not listening");
    return `http://127.0.0.1:${address.port}`;
  }

  async stop(): Promise<void> {
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
      // Nobody listens there: reports go over HTTP, as on a device whose network blocks MQTT.
      mqttUrl: "mqtt://127.0.0.1:9",
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
        const held = this.reportsOf(deviceId);
        const fresh = reports.filter(({ id }) => !held.some((report) => report.id === id));
        this.reports.set(deviceId, [...held, ...fresh]);
        return json(response, 200, { accepted: reports.map(({ id }) => id) });
      }
    }
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

function json(response: ServerResponse, status: number, document: unknown): ServerResponse {
  return response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(document));
}

async function text(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8") || "{}";
}
