import { ROLES, type Role } from "@mote/protocol";
import type { FastifyRequest } from "fastify";
import { ForbiddenError, UnauthenticatedError } from "../errors.js";
import type { KnownDevice } from "../fleet/deviceCache.js";
import type { Sessions } from "../fleet/sessions.js";
import { sha256Hex } from "../secrets.js";
import { findPersonByToken, type Person } from "../store/people.js";
import type { Store } from "../store/store.js";
import type { SignInThrottle } from "./throttle.js";

export const CONSOLE_COOKIE = "mote_token";

export function bearerToken(request: FastifyRequest): string | null {
  const header = request.headers.authorization;
  return header?.startsWith("Bearer ") === true ? header.slice("Bearer ".length).trim() : null;
}

/** The page sends it with every change. Another site's page can't, without asking for leave that is never given. */
export const CONSOLE_HEADER = "x-mote-console";

/** The console's cookie: HttpOnly, SameSite=Strict, and good for a change only beside the page's own header. */
function cookieToken(request: FastifyRequest): string | null {
  const isReading = request.method === "GET" || request.method === "HEAD";
  if (!isReading && request.headers[CONSOLE_HEADER] !== "1") return null;
  const match = /(?:^|;\s*)mote_token=([A-Za-z0-9_-]{1,128})/.exec(request.headers.cookie ?? "");
  return match?.[1] ?? null;
}

/** Throws UnauthenticatedError unless the request's token is this device's own. */
export async function requireDevice(
  sessions: Sessions,
  request: FastifyRequest,
  id: string,
): Promise<KnownDevice> {
  return own(await sessions.authenticate(...sessionTokenOf(request)), id);
}

/** The same without asking the store; null where it must be asked. */
export function peekDevice(sessions: Sessions, request: FastifyRequest, id: string): KnownDevice | null {
  const known = sessions.peek(...sessionTokenOf(request));
  return known === null ? null : own(known, id);
}

/** Empty where there is none. A header that is nothing but a token is none: as a token it may be remembered from MQTT. */
function sessionTokenOf(request: FastifyRequest): readonly [token: string, header: string] {
  const token = bearerToken(request);
  return token === null ? ["", ""] : [token, request.headers.authorization!];
}

function own(known: KnownDevice, id: string): KnownDevice {
  if (known.device.id === id) return known;
  throw new UnauthenticatedError({
    expected: "the device's own token",
    got: "another device's",
    todo: "Open a session for this device.",
  });
}

export class People {
  private readonly store: Store;
  /** On a loopback address the console may be read by whoever sits at the machine, when the operator says so. */
  private readonly isConsoleOpen: boolean;

  /** Who made a request, for the audit log. */
  private readonly makers = new WeakMap<FastifyRequest, Person>();

  private readonly throttle: SignInThrottle;

  constructor(store: Store, throttle: SignInThrottle, isConsoleOpen: boolean) {
    this.store = store;
    this.throttle = throttle;
    this.isConsoleOpen = isConsoleOpen;
  }

  /** Throws UnauthenticatedError without a valid token, ForbiddenError when the person's role is too low. */
  async require(request: FastifyRequest, role: Role): Promise<Person> {
    const token = bearerToken(request) ?? cookieToken(request);
    // A wrong token names nobody: it stands for itself, so that a forgotten script slows only itself down.
    const attempt = { address: request.ip, account: token === null ? null : sha256Hex(token) };
    if (token !== null) this.throttle.check(attempt);
    const person = token === null ? null : await this.byToken(token);
    if (person === null) {
      if (token !== null) this.throttle.failed(attempt);
      if (token === null && role === "viewer" && this.isConsoleOpen) {
        return { id: "anyone", role: "viewer", createdAtMs: 0, revokedAtMs: null };
      }
      throw new UnauthenticatedError({
        expected: "a valid operator token (Authorization: Bearer …)",
        got: token === null ? "none" : "one that is unknown or revoked",
        todo: "The first start writes one to admin.token in the data folder.",
      });
    }
    this.makers.set(request, person);
    if (rank(person.role) >= rank(role)) return person;
    throw new ForbiddenError({
      expected: `the role ${role}`,
      got: `${person.id}, who is ${person.role}`,
      todo: "Ask an admin.",
    });
  }

  /** Null for a request that no person has made. */
  makerOf(request: FastifyRequest): Person | null {
    return this.makers.get(request) ?? null;
  }

  byToken(token: string): Promise<Person | null> {
    return this.store.read((db) => findPersonByToken(db, sha256Hex(token)));
  }
}

function rank(role: string): number {
  return (ROLES as readonly string[]).indexOf(role);
}
