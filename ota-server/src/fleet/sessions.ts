import { createHmac, randomBytes } from "node:crypto";
import { fromHex, type SessionAnswer, type SessionRequest, sessionMessage } from "@mote/protocol";
import { nodeVerify } from "@mote/protocol/node";
import type { Clock } from "../clock.js";
import { UnauthenticatedError } from "../errors.js";
import { isEqualSecret } from "../secrets.js";
import { type DeviceRecord, findDevice } from "../store/devices.js";
import { markNonceUsed } from "../store/nonces.js";
import { secretSetting } from "../store/settings.js";
import type { Store } from "../store/store.js";
import { BoundedMap } from "./boundedMap.js";
import type { DeviceCache, KnownDevice } from "./deviceCache.js";

export const SESSION_LIMITS = {
  nonceLifetimeMs: 60_000,
  tokenLifetimeMs: 3_600_000,
  /** Tokens whose tag is remembered to be good; the oldest are reckoned again. */
  maxVerified: 50_000,
} as const;

interface Session {
  readonly deviceId: string;
  readonly expiresMs: number;
  readonly enrolledAtMs: number;
}

/**
 * A device proves its key over a nonce and gets a short-lived token, for HTTP and MQTT. Nonces and tokens carry their own
 * proof, so an unauthenticated caller can't make the server remember anything; only nonces that were *used* are kept,
 * until they would have expired.
 */
export class Sessions {
  private readonly store: Store;
  private readonly devices: DeviceCache;
  private readonly clock: Clock;
  private readonly secret: Buffer;
  private readonly usedNonces = new Map<string, number>();

  private readonly sessions = new BoundedMap<string, Session>(SESSION_LIMITS.maxVerified);

  private constructor(store: Store, devices: DeviceCache, clock: Clock, secret: Buffer) {
    this.store = store;
    this.devices = devices;
    this.clock = clock;
    this.secret = secret;
  }

  static async open(store: Store, devices: DeviceCache, clock: Clock): Promise<Sessions> {
    return new Sessions(store, devices, clock, await secretSetting(store, "session-secret"));
  }

  /** 32 bytes as hex: time, randomness, and a tag that binds both to the device. */
  nonce(deviceId: string): string {
    const head = Buffer.alloc(16);
    head.writeUIntBE(this.clock(), 0, 6);
    randomBytes(10).copy(head, 6);
    return Buffer.concat([head, this.tag("nonce", deviceId, head)]).toString("hex");
  }

  /** Throws UnauthenticatedError, with the same words for every cause. */
  async signIn(deviceId: string, request: SessionRequest): Promise<SessionAnswer> {
    const nowMs = this.clock();
    const nonce = Buffer.from(request.nonce, "hex");
    const head = nonce.subarray(0, 16);
    const ageMs = nowMs - head.readUIntBE(0, 6);
    const isOurs = isEqualSecret(nonce.subarray(16), this.tag("nonce", deviceId, head));
    if (!isOurs || ageMs < 0 || ageMs > SESSION_LIMITS.nonceLifetimeMs) throw refused();
    const device = await this.store.read((db) => findDevice(db, deviceId));
    if (device === null || device.revokedAtMs !== null) throw refused();
    // A client of hawkBit's door has no key, and no session.
    if (device.publicKey === "") throw refused();
    const message = sessionMessage(deviceId, request.nonce);
    if (!nodeVerify(fromHex(device.publicKey), message, fromHex(request.signature))) throw refused();
    await this.useNonce(request.nonce, nowMs);
    const expiresMs = nowMs + SESSION_LIMITS.tokenLifetimeMs;
    const body = Buffer.from(JSON.stringify([deviceId, expiresMs, device.enrolledAtMs])).toString(
      "base64url",
    );
    const token = `${body}.${this.tag("token", body, Buffer.alloc(0)).toString("base64url")}`;
    return { token, expiresInS: SESSION_LIMITS.tokenLifetimeMs / 1000 };
  }

  /**
   * The device that a token speaks for. A revoked device's tokens end at once, and so do those from before it enrolled
   * anew.
   *
   * @param header that the token came in, to remember it by: what is cut out of a string is slow to find.
   * @throws UnauthenticatedError
   */
  async authenticate(token: string, header: string = token): Promise<KnownDevice> {
    const session = this.read(token, header);
    return ofSession(session, await this.devices.find(session.deviceId));
  }

  /** Is a device that was let in neither revoked nor enrolled anew since? */
  async isStillKnown({ id, enrolledAtMs }: Pick<DeviceRecord, "id" | "enrolledAtMs">): Promise<boolean> {
    return isKnown({ enrolledAtMs }, await this.devices.find(id));
  }

  /** `authenticate` without asking the store; null where it must be asked. */
  peek(token: string, header: string): KnownDevice | null {
    const session = this.read(token, header);
    const known = this.devices.peek(session.deviceId);
    return known === null ? null : ofSession(session, known);
  }

  /** What a token says, once its tag is found good. Throws UnauthenticatedError. */
  private read(token: string, key: string): Session {
    const session = this.sessions.get(key) ?? this.verify(token, key);
    if (session.expiresMs <= this.clock()) throw refused();
    return session;
  }

  private verify(token: string, key: string): Session {
    const [body, tag, rest] = token.split(".");
    if (body === undefined || tag === undefined || rest !== undefined) throw refused();
    const wanted = this.tag("token", body, Buffer.alloc(0));
    if (!isEqualSecret(Buffer.from(tag, "base64url"), wanted)) throw refused();
    const [deviceId, expiresMs, enrolledAtMs] = JSON.parse(
      Buffer.from(body, "base64url").toString("utf8"),
    ) as [string, number, number];
    const session = { deviceId, expiresMs, enrolledAtMs };
    this.sessions.set(key, session);
    return session;
  }

  /** The fleet's own secret about a subject: the same at every server of it, and after a restart. */
  secretOf(purpose: string, subject: string): string {
    return this.tag(`secret ${purpose}`, subject, Buffer.alloc(0)).toString("base64url");
  }

  private async useNonce(nonce: string, nowMs: number): Promise<void> {
    for (const [old, usedMs] of this.usedNonces) {
      // In order of use: the first young one ends the search.
      if (nowMs - usedMs <= SESSION_LIMITS.nonceLifetimeMs) break;
      this.usedNonces.delete(old);
    }
    if (this.usedNonces.has(nonce)) throw refused();
    this.usedNonces.set(nonce, nowMs);
    // Another server must know of it too.
    if (!this.store.peers.isShared) return;
    const isFirst = await this.store.write((db) => markNonceUsed(db, nonce, nowMs));
    if (!isFirst) throw refused();
  }

  private tag(purpose: string, subject: string, head: Buffer): Buffer {
    return createHmac("sha256", this.secret)
      .update(`${purpose}\n${subject}\n`)
      .update(head)
      .digest()
      .subarray(0, 16);
  }
}

function ofSession(session: Session, known: KnownDevice | null): KnownDevice {
  if (isKnown(session, known)) return known;
  throw refused();
}

function isKnown(
  { enrolledAtMs }: Pick<Session, "enrolledAtMs">,
  known: KnownDevice | null,
): known is KnownDevice {
  return known !== null && known.device.revokedAtMs === null && known.device.enrolledAtMs === enrolledAtMs;
}

function refused(): UnauthenticatedError {
  return new UnauthenticatedError({
    expected: "a valid session",
    got: "none, or one that is expired, withdrawn or of another device",
    todo: "Ask for a nonce and sign it with the device's key.",
  });
}
