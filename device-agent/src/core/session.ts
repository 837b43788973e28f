import { type DeviceClient, fromHex, ServerRefusedError, sessionMessage, toHex } from "@mote/protocol";
import type { Clock } from "./ports.js";

/** A session is renewed after this share of its life, so that a request never meets its end on the way. */
const RENEW_SHARE = 0.8;

export interface DeviceKey {
  /** 32 B as hex. */
  readonly publicKey: string;
  /** Ed25519; 64 B. The secret stays behind this door. */
  sign(message: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/** Where a session is opened: a nonce, and its signature for a token. */
export type SessionDoor = Pick<DeviceClient, "nonce" | "session">;

/** Keeps a short-lived token, got by signing the server's nonce: it needs no clock and no stored password. */
export class Session {
  #token: { readonly text: string; readonly renewAtMs: number } | null = null;
  #brokerPassword: string | null = null;
  #asking: Promise<string> | null = null;

  constructor(
    private readonly door: SessionDoor,
    private readonly deviceId: string,
    private readonly key: DeviceKey,
    private readonly clock: Clock,
  ) {}

  /** A token that is good now. Throws NetworkError, ServerRefusedError. */
  token(): Promise<string> {
    if (this.#token !== null && this.clock.monotonicMs() < this.#token.renewAtMs) {
      return Promise.resolve(this.#token.text);
    }
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  /** What the broker takes now. Throws NetworkError, ServerRefusedError. */
  async brokerPassword(): Promise<string> {
    const token = await this.token();
    return this.#brokerPassword ?? token;
  }

  /** False where the broker is another's, whose acknowledgement says nothing of the server's disk. */
  get isAcknowledgedByBroker(): boolean {
    return this.#brokerPassword === null;
  }

  /** Runs a request with a token; once more with a new one when the server no longer knows it (it was restarted, say). */
  async with<T>(request: (token: string) => Promise<T>): Promise<T> {
    try {
      return await request(await this.token());
    } catch (error) {
      if (!(error instanceof ServerRefusedError) || error.status !== 401) throw error;
      this.forget();
      return request(await this.token());
    }
  }

  forget(): void {
    this.#token = null;
  }

  async #ask(): Promise<string> {
    const nonce = await this.door.nonce(this.deviceId);
    // Checked before it is signed: a nonce of another form must not become a message of another meaning.
    const signature = await this.key.sign(sessionMessage(this.deviceId, toHex(fromHex(nonce))));
    const { token, expiresInS, broker } = await this.door.session(this.deviceId, nonce, toHex(signature));
    this.#brokerPassword = broker?.password ?? null;
    this.#token = { text: token, renewAtMs: this.clock.monotonicMs() + expiresInS * 1000 * RENEW_SHARE };
    return token;
  }
}
