import { isSignInClientId } from "@mote/protocol";
import type { Client } from "aedes";

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
  private readonly guests = new Map<Client, Guest>();

  /** @returns false where there is no room, or where it is no guest's client id. */
  admit(client: Client, address: string): boolean {
    // A session that outlives its connection would be memory for whoever asks.
    if (!isSignInClientId(client.id) || !client.clean || this.guests.size >= GUEST_LIMITS.max) return false;
    let fromThere = 0;
    for (const guest of this.guests.values()) if (guest.address === address) fromThere++;
    if (fromThere >= GUEST_LIMITS.maxByAddress) return false;
    const timer = setTimeout(() => {
      this.leave(client);
      client.close();
    }, GUEST_LIMITS.lifeMs);
    timer.unref();
    this.guests.set(client, { address, timer, requests: 0 });
    return true;
  }

  /** Counts a request. @returns the guest's address; null for who is no guest or has asked too often. */
  ask(client: Client): string | null {
    const guest = this.guests.get(client);
    if (guest === undefined || ++guest.requests > GUEST_LIMITS.maxRequests) return null;
    return guest.address;
  }

  has(client: Client): boolean {
    return this.guests.has(client);
  }

  leave(client: Client): void {
    clearTimeout(this.guests.get(client)?.timer);
    this.guests.delete(client);
  }
}
