import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  randomBytes,
  sign,
} from "node:crypto";
import { topics } from "@mote/protocol";
import type { Clock } from "../../clock.js";
import { ConfigError, PreconditionError } from "../../errors.js";
import { SESSION_LIMITS } from "../../fleet/sessions.js";
import type { Admitted, Guard } from "./guard.js";

/**
 * NATS in operator mode: whoever is let in shows a JSON Web Token that the account's signing key has signed, as its MQTT
 * password. The server holds that key, so it lets devices in without asking anybody, each to its own subjects.
 */

/** A device's connection ends with its token; longer than a session, so that a renewal is never late. */
const DEVICE_LIFE_MS = 2 * SESSION_LIMITS.tokenLifetimeMs;
const SERVER_LIFE_MS = 24 * 3_600_000;

/** Leading byte of an encoded key, by what it is. */
const PREFIX = { account: 0, user: 20 << 3, seed: 18 << 3 } as const;
/** What an Ed25519 secret has before its 32 bytes in PKCS #8. */
const PKCS8_HEAD = Buffer.from("302e020100300506032b657004220420", "hex");

export class NatsGuard implements Guard {
  readonly topics = [];
  private readonly key: KeyObject;
  private readonly issuer: string;

  /**
   * @param account public key of the account, "A…".
   * @param seed of the account's key, or of one of its signing keys, "SA…". Throws ConfigError.
   */
  constructor(
    private readonly account: string,
    seed: string,
    private readonly clock: Clock,
  ) {
    this.key = keyOf(seed);
    this.issuer = encodeKey(PREFIX.account, rawPublicKey(this.key));
  }

  credentials(): { username: string; password: string } {
    return { username: "mote-server", password: this.token("mote-server", SERVER_LIFE_MS, null) };
  }

  async prepare(): Promise<void> {}

  hear(): void {}

  async admit({ id }: Admitted): Promise<string> {
    if (id.includes(".")) {
      throw new PreconditionError({
        expected: "a device id without a dot: NATS has none in MQTT topics before its version 2.10",
        got: id,
        todo: "Enrol the device under another id.",
      });
    }
    return this.token(id, DEVICE_LIFE_MS, {
      pub: [topics.telemetry, topics.report, topics.presence, topics.request],
      sub: [topics.command, topics.answer],
    });
  }

  /** Nothing that can be said over MQTT ends a connection; its token does, and the server no longer listens to it. */
  async expel(): Promise<void> {}

  private token(name: string, lifeMs: number, rights: Rights | null): string {
    const nowS = Math.floor(this.clock() / 1000);
    const allow = (kinds: readonly ((deviceId: string) => string)[]) => ({
      allow: kinds.map((topic) => subjectOf(topic(name))),
    });
    const claims = {
      iat: nowS,
      exp: nowS + Math.ceil(lifeMs / 1000),
      iss: this.issuer,
      name,
      // A bearer token proves nothing by this key, but must name one.
      sub: encodeKey(PREFIX.user, randomBytes(32)),
      nats: {
        ...(rights === null ? {} : { pub: allow(rights.pub), sub: allow(rights.sub) }),
        ...(this.issuer === this.account ? {} : { issuer_account: this.account }),
        subs: -1,
        data: -1,
        payload: -1,
        bearer_token: true,
        allowed_connection_types: ["MQTT"],
        type: "user",
        version: 2,
      },
    };
    const jti = base32(createHash("sha512-256").update(JSON.stringify(claims)).digest());
    const head = { typ: "JWT", alg: "ed25519-nkey" };
    const body = [head, { jti, ...claims }]
      .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
      .join(".");
    return `${body}.${sign(null, Buffer.from(body), this.key).toString("base64url")}`;
  }
}

interface Rights {
  readonly pub: readonly ((deviceId: string) => string)[];
  readonly sub: readonly ((deviceId: string) => string)[];
}

/** NATS's name for an MQTT topic. */
function subjectOf(topic: string): string {
  return topic.replaceAll("/", ".");
}

function keyOf(seed: string): KeyObject {
  const bytes = fromBase32(seed.trim());
  const body = bytes.subarray(0, -2);
  const isSeed = bytes.length === 36 && (bytes[0]! & 0xf8) === PREFIX.seed;
  // The prefix of what the seed is for stands across the first two bytes.
  const kind = ((bytes[0]! & 0x07) << 5) | (bytes[1]! >> 3);
  if (!isSeed || kind !== PREFIX.account || crc16(body) !== bytes.readUInt16LE(bytes.length - 2)) {
    throw new ConfigError({
      expected: 'the seed of a NATS account key ("SA…") in natsKeyFile',
      got: "something else",
      todo: "Export the account's signing key, for example with `nsc generate nkey --account`.",
    });
  }
  return createPrivateKey({
    key: Buffer.concat([PKCS8_HEAD, body.subarray(2)]),
    format: "der",
    type: "pkcs8",
  });
}

function rawPublicKey(key: KeyObject): Buffer {
  return createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32);
}

function encodeKey(prefix: number, key: Buffer): string {
  const body = Buffer.concat([Buffer.from([prefix]), key]);
  const check = Buffer.alloc(2);
  check.writeUInt16LE(crc16(body));
  return base32(Buffer.concat([body, check]));
}

/** CRC-16/XMODEM. */
function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++)
      crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  }
  return crc;
}

/** RFC 4648, section 6, without padding. */
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

function base32(bytes: Uint8Array): string {
  let text = "";
  let held = 0;
  let bits = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    for (; bits >= 5; bits -= 5) text += ALPHABET[(held >> (bits - 5)) & 31];
    held &= (1 << bits) - 1;
  }
  return bits === 0 ? text : text + ALPHABET[(held << (5 - bits)) & 31];
}

/** Empty where a character is none of the alphabet's. */
function fromBase32(text: string): Buffer {
  const bytes: number[] = [];
  let held = 0;
  let bits = 0;
  for (const character of text) {
    const value = ALPHABET.indexOf(character);
    if (value < 0) return Buffer.alloc(36);
    held = (held << 5) | value;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((held >> bits) & 255);
    held &= (1 << bits) - 1;
  }
  return Buffer.from(bytes);
}
