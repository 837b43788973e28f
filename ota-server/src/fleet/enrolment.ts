import { randomBytes } from "node:crypto";
import type { EnrollRequest, EnrolmentTokensAnswer, EnrolmentTokensRequest } from "@mote/protocol";
import type { Clock } from "../clock.js";
import { ConflictError, ForbiddenError, UnauthenticatedError } from "../errors.js";
import { newSecret, sha256Hex } from "../secrets.js";
import { type DeviceRecord, findDevice, putDevice } from "../store/devices.js";
import { serialize } from "../store/dialect.js";
import {
  countEnrolment,
  type EnrolmentToken,
  findEnrolmentToken,
  listEnrolmentTokens,
  putEnrolmentTokens,
  useEnrolmentToken,
} from "../store/enrolment.js";
import type { Db, Store } from "../store/store.js";

const DEFAULT_EXPIRY_S = 7 * 86_400;

/**
 * How devices come in: one-time tokens, each good for one device and one key, and tokens for a production line, each good
 * for so many new devices.
 */
export class Enrolment {
  private readonly store: Store;
  private readonly clock: Clock;

  constructor(store: Store, clock: Clock) {
    this.store = store;
    this.clock = clock;
  }

  async createTokens(request: EnrolmentTokensRequest): Promise<EnrolmentTokensAnswer> {
    const expiresAtMs = this.clock() + 1000 * (request.expiresInS ?? DEFAULT_EXPIRY_S);
    const made = Array.from({ length: request.count ?? 1 }, () => ({
      id: randomBytes(6).toString("hex"),
      token: newSecret("enrol"),
      expiresAtMs,
    }));
    await this.store.write((db) =>
      putEnrolmentTokens(
        db,
        made.map(({ id, token }) => ({
          id,
          tokenSha256: sha256Hex(token),
          product: request.product,
          hardware: request.hardware ?? null,
          tags: request.tags ?? {},
          expiresAtMs,
          usedBy: null,
          usedKey: null,
          maxDevices: request.maxDevices ?? 1,
          used: 0,
        })),
      ),
    );
    return { tokens: made };
  }

  listTokens(): Promise<EnrolmentToken[]> {
    return this.store.read(listEnrolmentTokens);
  }

  /**
   * The same token, device and key may ask again (its first answer may have been lost); anything else is refused.
   *
   * @throws UnauthenticatedError, ForbiddenError, ConflictError
   */
  enroll(request: EnrollRequest): Promise<DeviceRecord> {
    const nowMs = this.clock();
    return this.store.write(async (db) => {
      // Two servers may be asked at once.
      await serialize(db, `enrolment token ${sha256Hex(request.token)}`);
      await serialize(db, `device ${request.deviceId}`);
      const token = await findEnrolmentToken(db, sha256Hex(request.token));
      if (token === null) throw unknownToken();
      const held = await findDevice(db, request.deviceId);
      if (token.maxDevices > 1) return this.enrollByMany(db, token, held, request, nowMs);
      if (token.usedBy !== null) {
        const isSame =
          token.usedBy === request.deviceId &&
          token.usedKey === request.publicKey &&
          held?.publicKey === request.publicKey &&
          held.revokedAtMs === null;
        if (isSame) return held;
        throw new ConflictError({
          expected: "a token that was not used yet, or the device and key that used it",
          got: "another device or key",
          todo: "Make a new token for this device.",
        });
      }
      if (held !== null) checkMayReplace(held, token, request.publicKey);
      await bringIn(db, token, request, nowMs);
      await useEnrolmentToken(db, token.id, request.deviceId, request.publicKey);
      return stored(db, request.deviceId);
    });
  }

  /** A token that many hold must not give anyone another's device: ids that are taken stay with their keys. */
  private async enrollByMany(
    db: Db,
    token: EnrolmentToken,
    held: DeviceRecord | null,
    request: EnrollRequest,
    nowMs: number,
  ): Promise<DeviceRecord> {
    if (held !== null) {
      const isSame =
        held.publicKey === request.publicKey && held.product === token.product && held.revokedAtMs === null;
      if (isSame) return held;
      throw new ConflictError({
        expected: "a device id that is free",
        got: "an id that is taken",
        todo: "Choose another device id, or replace the device with a one-time token.",
      });
    }
    if (token.used >= token.maxDevices) {
      throw new ConflictError({
        expected: `a token that has brought in fewer than ${token.maxDevices} devices`,
        got: "one that is used up",
        todo: "Make a new token.",
      });
    }
    await bringIn(db, token, request, nowMs);
    await countEnrolment(db, token.id);
    return stored(db, request.deviceId);
  }
}

async function bringIn(db: Db, token: EnrolmentToken, request: EnrollRequest, nowMs: number): Promise<void> {
  if (token.expiresAtMs <= nowMs) throw unknownToken();
  if (token.hardware !== null && token.hardware !== request.hardware) {
    throw new ForbiddenError({
      expected: `a device of hardware class ${token.hardware}`,
      got: request.hardware,
      todo: "Use a token that was made for this class.",
    });
  }
  await putDevice(db, {
    id: request.deviceId,
    product: token.product,
    hardware: request.hardware,
    tags: { ...request.tags, ...token.tags },
    publicKey: request.publicKey,
    enrolledAtMs: nowMs,
  });
}

async function stored(db: Db, id: string): Promise<DeviceRecord> {
  const device = await findDevice(db, id);
  if (device === null) throw new Error("a device that was just stored is gone");
  return device;
}

/** A token must not become a way to take over another product's device, nor bring back a revoked key. */
function checkMayReplace(held: DeviceRecord, token: EnrolmentToken, publicKey: string): void {
  if (held.product !== token.product) {
    throw new ConflictError({
      expected: `a device id that is free, or of product ${token.product}`,
      got: "an id of another product's device",
      todo: "Choose another device id.",
    });
  }
  if (held.revokedAtMs !== null && held.publicKey === publicKey) {
    throw new ForbiddenError({
      expected: "a key that was not revoked",
      got: "a revoked one",
      todo: "Let the device make a new key pair.",
    });
  }
}

function unknownToken(): UnauthenticatedError {
  return new UnauthenticatedError({
    expected: "a valid enrolment token",
    got: "one that is unknown or expired",
    todo: "Ask an operator for a new one.",
  });
}
