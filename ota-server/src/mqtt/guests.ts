import { isSignInClientId } from "@mote/protocol";
import type { MqttConnection } from "./connection.js";

export const GUEST_LIMITS = {
  /** Connections without credentials at a time; devices that find no room come again, spread by their back-off. */
  max: 512,
  maxByAddress: 64,
  /** A guest signs in, or enrols, and goes. */
  lifeMs: 30_000,
  /** A nonce and a session, and either once again. */
  maxRequests: 6,
  /** Largest request: an enrolment with all its tags. */
  requestMaxBytes: 8 * 1024,
} as const;

interface Guest {
  readonly address: string;
  readonly timer: NodeJS.Timeout;
  requests: number;
}

/**
 * Connections without credentials. They may ask for a nonce, a session or an enrolment on topics of their own, a few times
 * within half a minute: so a device without HTTP gets in, and nobody can stay.
 */
export class Guests {
  private readonly guests = new Map<MqttConnection, Guest>();

  /** @returns false where there is no room, or where it is no guest's client id. */
  admit(connection: MqttConnection, address: string): boolean {
    // A guest has no session to come back to.
    if (!isSignInClientId(connection.id) || !connection.isClean) return false;
    let fromThere = 0;
    for (const [other, guest] of this.guests) {
      // The same client on a new connection (MQTT 3.1.1, section 3.1.4).
      if (other.id === connection.id) this.end(other);
      else if (guest.address === address) fromThere++;
    }
    if (fromThere >= GUEST_LIMITS.maxByAddress || this.guests.size >= GUEST_LIMITS.max) return false;
    const timer = setTimeout(() => this.end(connection), GUEST_LIMITS.lifeMs);
    timer.unref();
    this.guests.set(connection, { address, timer, requests: 0 });
    return true;
  }

  /** Counts a request. @returns the guest's address; null for who is no guest or has asked too often. */
  ask(connection: MqttConnection): string | null {
    const guest = this.guests.get(connection);
    if (guest === undefined || ++guest.requests > GUEST_LIMITS.maxRequests) return null;
    return guest.address;
  }

  has(connection: MqttConnection): boolean {
    return this.guests.has(connection);
  }

  leave(connection: MqttConnection): void {
    clearTimeout(this.guests.get(connection)?.timer);
    this.guests.delete(connection);
  }

  private end(connection: MqttConnection): void {
    this.leave(connection);
    connection.close();
  }
}
