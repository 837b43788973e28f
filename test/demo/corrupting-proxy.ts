import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/**
 * A bad link between one device and the server: passes everything through, but flips one bit in the middle of the
 * first blob that it carries once it is armed, those to be spared apart.
 */
export class CorruptingProxy {
  #server: Server;
  #spared: ReadonlySet<string> | null = null;
  /** Path of the blob that was damaged; null until it happened. */
  damaged: string | null = null;

  constructor(private readonly target: URL) {
    this.#server = createServer((incoming, outgoing) => {
      const upstream = request(
        {
          host: this.target.hostname,
          port: this.target.port,
          method: incoming.method,
          path: incoming.url,
          headers: incoming.headers,
        },
        (answer) => {
          const length = Number(answer.headers["content-length"] ?? 0);
          const path = incoming.url ?? "";
          const isVictim =
            this.#spared !== null &&
            this.damaged === null &&
            incoming.method === "GET" &&
            length > 0 &&
            path.startsWith("/blobs/") &&
            !this.#spared.has(path.slice("/blobs/".length));
          outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
          if (!isVictim) {
            answer.pipe(outgoing);
            return;
          }
          this.damaged = path;
          let offset = 0;
          const victimByte = Math.floor(length / 2);
          answer.on("data", (chunk: Buffer) => {
            const at = victimByte - offset;
            if (at >= 0 && at < chunk.length) chunk[at] = chunk[at]! ^ 0x10;
            offset += chunk.length;
            outgoing.write(chunk);
          });
          answer.on("end", () => outgoing.end());
        },
      );
      upstream.on("error", () => {
        if (!outgoing.headersSent) outgoing.writeHead(502);
        outgoing.end();
      });
      incoming.pipe(upstream);
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** `spared`: digests of blobs that pass unharmed, such as a manifest. */
  arm(spared: readonly string[]): void {
    this.#spared = new Set(spared);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
