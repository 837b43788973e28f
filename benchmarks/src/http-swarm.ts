import { connect, type Socket } from "node:net";

/**
 * HTTP/1.1 requests over connections that stay open, from bare sockets with bytes made beforehand: what a load generator
 * costs is taken from the machine that is measured. Every answer must be a 200 with a content-length.
 */

class Connection {
  private received = "";
  private answered: ((status: number) => void) | null = null;

  private constructor(private readonly socket: Socket) {
    socket.setNoDelay(true);
    socket.setEncoding("latin1");
    socket.on("data", (chunk: string) => this.take(chunk));
    socket.on("close", () => this.answered?.(0));
    socket.on("error", () => undefined);
  }

  static open(port: number, hostname: string): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, hostname);
      socket.once("error", reject);
      socket.once("connect", () => resolve(new Connection(socket)));
    });
  }

  /** @returns the answer's status; 0 when the connection is gone. */
  send(request: Buffer): Promise<number> {
    return new Promise((resolve) => {
      if (this.socket.destroyed || this.socket.readableEnded) return resolve(0);
      this.answered = resolve;
      this.socket.write(request);
    });
  }

  end(): void {
    this.socket.destroy();
  }

  private take(chunk: string): void {
    this.received = this.received === "" ? chunk : this.received + chunk;
    const headEnd = this.received.indexOf("\r\n\r\n");
    if (headEnd < 0) return;
    const lengthAt = this.received.indexOf("content-length: ") + "content-length: ".length;
    const length = Number.parseInt(this.received.slice(lengthAt, lengthAt + 10), 10);
    if (this.received.length < headEnd + 4 + length) return;
    const status = Number(this.received.slice(9, 12));
    this.received = "";
    const { answered } = this;
    this.answered = null;
    answered?.(status);
  }
}

export class HttpSwarm {
  private next = 0;

  private constructor(
    private readonly connections: readonly Connection[],
    private readonly requests: readonly Buffer[],
  ) {}

  /** @param requests are sent in turn. */
  static async connect(url: string, width: number, requests: readonly Buffer[]): Promise<HttpSwarm> {
    const { hostname, port } = new URL(url);
    const opening = Array.from({ length: width }, () => Connection.open(Number(port), hostname));
    return new HttpSwarm(await Promise.all(opening), requests);
  }

  /** Every connection sends one request after another. @returns answers a second. Throws at the first refusal. */
  async closedLoop(seconds: number): Promise<number> {
    const start = performance.now();
    const end = start + 1000 * seconds;
    let answered = 0;
    await Promise.all(
      this.connections.map(async (connection) => {
        while (performance.now() < end) {
          await this.ask(connection);
          answered++;
        }
      }),
    );
    return (1000 * answered) / (performance.now() - start);
  }

  /**
   * Requests at a fixed rate, whether or not earlier ones are answered; one for which no connection is free waits for it.
   *
   * @returns milliseconds from when each was due to its answer.
   */
  async openLoop(rate: number, seconds: number): Promise<number[]> {
    const start = performance.now();
    const total = Math.floor(rate * seconds);
    const times: number[] = [];
    const free = [...this.connections];
    const running: Promise<void>[] = [];
    let failure: unknown = null;
    while (running.length < total && failure === null) {
      const due = Math.min(total, Math.floor(((performance.now() - start) / 1000) * rate));
      for (let at = running.length; at < due && free.length > 0; at++) {
        const connection = free.pop()!;
        const dueMs = start + (1000 * at) / rate;
        const answered = () => {
          times.push(performance.now() - dueMs);
          free.push(connection);
        };
        running.push(
          this.ask(connection).then(answered, (error: unknown) => {
            failure = error;
          }),
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await Promise.all(running);
    if (failure !== null) throw failure;
    return times;
  }

  end(): void {
    for (const connection of this.connections) connection.end();
  }

  private async ask(connection: Connection): Promise<void> {
    const request = this.requests[this.next++ % this.requests.length]!;
    const status = await connection.send(request);
    if (status !== 200) throw new Error(`a request was answered with ${status}`);
  }
}

/** The bytes of a POST with a JSON body. */
export function postBytes(url: string, path: string, headers: Record<string, string>, body: string): Buffer {
  const lines = [
    `POST ${path} HTTP/1.1`,
    `host: ${new URL(url).host}`,
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(body)}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n${body}`);
}
