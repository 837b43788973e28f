import { connectAsync, type IClientOptions, type MqttClient } from "mqtt";

/** Milliseconds to wait for the broker's answer, to a connection and to a message. */
export const ANSWER_MS = 15_000;

/** A connection to a broker that is not renewed by itself: whoever holds it opens the next one, with a token good then. */
export class MqttConnection {
  /** Resolves with the reason when the connection has ended. */
  readonly ended: Promise<string>;

  private constructor(readonly client: MqttClient) {
    client.on("error", () => {
      // "close" follows, and it is there that the loss is dealt with; without a listener Node would end the process.
    });
    this.ended = new Promise((resolve) => {
      client.once("close", () => resolve("the connection was closed"));
    });
  }

  /** Rejects as well when the other side hangs up before it has said whether it takes the connection. */
  static async open(
    url: string,
    options: Pick<IClientOptions, "clientId" | "username" | "password" | "keepalive" | "will">,
  ): Promise<MqttConnection> {
    const client = await connectAsync(
      url,
      { ...options, protocolVersion: 4, clean: true, connectTimeout: ANSWER_MS, reconnectPeriod: 0 },
      false,
    );
    return new MqttConnection(client);
  }

  /** Rejects when the connection ends before `work` does: what was asked of it then is never answered. */
  async whileOpen<T>(work: Promise<T>): Promise<T> {
    work.catch(() => undefined);
    const cut = this.ended.then((reason) => Promise.reject(new Error(reason)));
    return Promise.race([work, cut]);
  }

  /** Without a word to the broker, which then speaks the last will. */
  async cut(): Promise<void> {
    await this.client.endAsync(true).catch(() => undefined);
  }
}
