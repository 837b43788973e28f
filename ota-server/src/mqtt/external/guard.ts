/** What a kind of broker needs so that it lets in the fleet's devices, and each to its own topics only. */
export interface Guard {
  /** The server's own name and password at the broker. */
  credentials(): { readonly username: string | null; readonly password: string | null };
  /** Topics that the server must hear beside the devices'. */
  readonly topics: readonly string[];
  /** Called on each new connection of the server that consumes: rights that must be there. @throws Error */
  prepare(send: Send): Promise<void>;
  /** A message on one of `topics`. */
  hear(payload: Buffer): void;
  /**
   * The password of a device that has just proved its key.
   *
   * @throws StoreError while the broker is away, PreconditionError for a device that it can't take
   */
  admit(device: Admitted): Promise<string>;
  /** A revoked device: it loses its connection where the broker can do that, else its password ends by itself. */
  expel(deviceId: string): Promise<void>;
}

export interface Admitted {
  readonly id: string;
  /** Tells a device from its former self of the same name. */
  readonly enrolledAtMs: number;
}

export type Send = (topic: string, payload: string) => void;
