import type { DeviceClient } from "@mote/protocol";
import type { SessionDoor } from "../core/session.js";
import { type MqttDoor, openSignInDoor } from "./mqtt-door.js";

/**
 * Opens sessions over MQTT: by the agent's own connection while that stands, else by one without credentials, which the
 * broker lets do nothing more.
 */
export class MqttSignIn implements SessionDoor {
  #door: MqttDoor | null = null;

  constructor(
    private readonly url: string,
    /** What the agent's own connection carries; null while there is none. */
    private readonly connected: () => DeviceClient | null,
  ) {}

  async nonce(deviceId: string): Promise<string> {
    await this.close();
    const own = this.connected();
    if (own !== null) return own.nonce(deviceId);
    this.#door = await openSignInDoor(this.url);
    try {
      return await this.#door.client.nonce(deviceId);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async session(...args: Parameters<DeviceClient["session"]>): ReturnType<DeviceClient["session"]> {
    const client = this.#door?.client ?? this.connected();
    try {
      if (client !== null) return await client.session(...args);
      // The connection that brought the nonce is gone; the nonce is still good.
      this.#door = await openSignInDoor(this.url);
      return await this.#door.client.session(...args);
    } finally {
      await this.close();
    }
  }

  async close(): Promise<void> {
    const door = this.#door;
    this.#door = null;
    await door?.close();
  }
}
