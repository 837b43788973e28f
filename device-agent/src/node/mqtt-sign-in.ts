import type { DeviceClient } from "@mote/protocol";
import type { SessionDoor } from "../core/session.js";
import { type MqttDoor, openSignInDoor } from "./mqtt-door.js";

/**
 * Opens sessions over MQTT: by the agent's own connection while that stands, else by one without credentials, which the
 * server's own broker lets do nothing more. Another's broker does not know such connections; there HTTP must do.
 */
export class MqttSignIn implements SessionDoor {
  #door: MqttDoor | null = null;

  constructor(
    private readonly url: string,
    /** What the agent's own connection carries; null while there is none. */
    private readonly connected: () => DeviceClient | null,
    /** Null on a device that has no HTTP at all. */
    private readonly http: DeviceClient | null,
  ) {}

  async nonce(deviceId: string): Promise<string> {
    return this.#ask((client) => client.nonce(deviceId), true);
  }

  /** A nonce is good wherever it came from: the connection that brought it may be gone. */
  async session(...args: Parameters<DeviceClient["session"]>): ReturnType<DeviceClient["session"]> {
    return this.#ask((client) => client.session(...args), false);
  }

  /** @param keep the connection that was opened for it: more is to come. */
  async #ask<T>(request: (client: DeviceClient) => Promise<T>, keep: boolean): Promise<T> {
    let isDone = false;
    try {
      const answer = await request(await this.#client());
      isDone = true;
      return answer;
    } finally {
      if (!isDone || !keep) await this.close();
    }
  }

  async #client(): Promise<DeviceClient> {
    const own = this.connected();
    if (own !== null) return own;
    try {
      this.#door ??= await openSignInDoor(this.url);
      return this.#door.client;
    } catch (error) {
      if (this.http === null) throw error;
      return this.http;
    }
  }

  async close(): Promise<void> {
    const door = this.#door;
    this.#door = null;
    await door?.close();
  }
}
