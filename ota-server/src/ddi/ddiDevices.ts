import { randomBytes } from "node:crypto";
import type { DdiConfigData, DdiTokenAnswer, DdiTokenRequest } from "@mote/protocol";
import { Name } from "@mote/protocol";
import { Value } from "@sinclair/typebox/value";
import type { Clock } from "../clock.js";
import { ConflictError, UnauthenticatedError } from "../errors.js";
import { newSecret, sha256Hex } from "../secrets.js";
import {
  countDdiDevices,
  type DdiCredential,
  type DdiDevice,
  findDdiCredential,
  findDdiDevice,
  putDdiCredential,
  putDdiDevice,
  revokeDdiCredentialsOf,
} from "../store/ddi.js";
import { type DeviceRecord, findDevice, putDevice, setTags } from "../store/devices.js";
import type { Db, Store } from "../store/store.js";

/** Devices of this interface prove themselves by a token, not by a key of their own. */
const NO_KEY = "";
const DEFAULT_MAX_DEVICES = 10_000;
const TAG_MAX_LENGTH = 128;
const MAX_TAGS = 32;
/** Facts kept of a device; merging for ever must not grow without bound. */
const MAX_ATTRIBUTES = 128;

export interface KnownDevice {
  readonly device: DeviceRecord;
  readonly ddi: DdiDevice;
}

/** Who comes through hawkBit's door: one token a device, or a gateway that vouches for the ids it brings. */
export class DdiDevices {
  private readonly store: Store;
  private readonly clock: Clock;

  constructor(store: Store, clock: Clock) {
    this.store = store;
    this.clock = clock;
  }

  /** Throws ConflictError where the device id belongs to another product or to a device with a key of its own. */
  async createToken(request: DdiTokenRequest): Promise<DdiTokenAnswer> {
    const kind = request.deviceId === undefined ? "gateway" : "target";
    const token = newSecret(kind === "gateway" ? "gw" : "dev");
    const nowMs = this.clock();
    const credential: DdiCredential = {
      id: randomBytes(6).toString("hex"),
      kind,
      deviceId: request.deviceId ?? null,
      product: request.product,
      hardware: request.hardware,
      tags: request.tags ?? {},
      maxDevices: kind === "target" ? 1 : (request.maxDevices ?? DEFAULT_MAX_DEVICES),
      createdAtMs: nowMs,
      revokedAtMs: null,
    };
    await this.store.write(async (db) => {
      if (credential.deviceId !== null) {
        await this.claim(db, credential.deviceId, credential);
        await revokeDdiCredentialsOf(db, credential.deviceId, nowMs);
      }
      await putDdiCredential(db, credential, sha256Hex(token));
    });
    return { id: credential.id, token, scheme: kind === "target" ? "TargetToken" : "GatewayToken" };
  }

  /**
   * The device that a request speaks for; a gateway's device comes into being with its first request.
   *
   * @param header `TargetToken …` or `GatewayToken …`.
   * @throws UnauthenticatedError, with the same words for every cause
   */
  async authenticate(header: string | undefined, deviceId: string): Promise<KnownDevice> {
    const [, scheme, token] = /^(TargetToken|GatewayToken)\s+(\S{1,256})$/i.exec(header ?? "") ?? [];
    if (scheme === undefined || token === undefined) throw refused();
    const credential = await this.store.read((db) => findDdiCredential(db, sha256Hex(token)));
    if (credential === null) throw refused();
    const isTarget = scheme.toLowerCase() === "targettoken";
    if (isTarget !== (credential.kind === "target")) throw refused();
    if (isTarget && credential.deviceId !== deviceId) throw refused();
    const known = await this.store.read((db) => find(db, deviceId));
    if (known === null) return this.bringIn(deviceId, credential);
    const { device } = known;
    if (device.revokedAtMs !== null || device.product !== credential.product) throw refused();
    return known;
  }

  /** What the device tells of itself becomes its tags; what the operator has written stays. */
  async putAttributes({ device, ddi }: KnownDevice, config: DdiConfigData, written: TagMap): Promise<void> {
    const before = ddi.attributes ?? {};
    const mode = config.mode ?? "merge";
    const all =
      mode === "replace"
        ? config.data
        : mode === "remove"
          ? Object.fromEntries(Object.entries(before).filter(([name]) => !(name in config.data)))
          : { ...before, ...config.data };
    const attributes = Object.fromEntries(Object.entries(all).slice(-MAX_ATTRIBUTES));
    const told = Object.entries(attributes)
      .filter(([name, value]) => Value.Check(Name, name) && value.length <= TAG_MAX_LENGTH)
      .slice(0, MAX_TAGS);
    const tags = { ...Object.fromEntries(told), ...written };
    await this.store.write(async (db) => {
      await putDdiDevice(db, { ...ddi, attributes });
      await setTags(db, device.id, tags);
    });
  }

  /** Tags of the token by which the device came. */
  async writtenTags(header: string | undefined): Promise<TagMap> {
    const token = header?.split(/\s+/)[1] ?? "";
    return (await this.store.read((db) => findDdiCredential(db, sha256Hex(token))))?.tags ?? {};
  }

  remember(ddi: DdiDevice): Promise<void> {
    return this.store.write((db) => putDdiDevice(db, ddi));
  }

  private bringIn(deviceId: string, credential: DdiCredential): Promise<KnownDevice> {
    if (!Value.Check(Name, deviceId)) throw refused();
    return this.store.write(async (db) => {
      const held = await find(db, deviceId);
      if (held !== null) return held;
      if ((await countDdiDevices(db, credential.id)) >= credential.maxDevices) throw refused();
      return this.claim(db, deviceId, credential);
    });
  }

  private async claim(db: Db, deviceId: string, credential: DdiCredential): Promise<KnownDevice> {
    const held = await findDevice(db, deviceId);
    const ddi = await findDdiDevice(db, deviceId);
    if (held !== null && (held.product !== credential.product || held.publicKey !== NO_KEY)) {
      throw new ConflictError({
        expected: `a device id that is free, or that of a hawkBit client of ${credential.product}`,
        got: `${deviceId}, which belongs to ${held.product}${held.publicKey === NO_KEY ? "" : " and has a key of its own"}`,
        todo: "Choose another device id.",
      });
    }
    if (held === null || held.revokedAtMs !== null) {
      await putDevice(db, {
        id: deviceId,
        product: credential.product,
        hardware: credential.hardware,
        tags: credential.tags,
        publicKey: NO_KEY,
        enrolledAtMs: this.clock(),
        // These clients know no second slot that only reports, and none that waits: asked to download and to skip the
        // update, swupdate reports a success and has fetched nothing.
        canShadow: false,
        canHold: false,
      });
    }
    const fresh: DdiDevice = {
      deviceId,
      credentialId: credential.id,
      attributes: ddi?.attributes ?? null,
      openAction: ddi?.openAction ?? null,
      installedAction: ddi?.installedAction ?? null,
    };
    await putDdiDevice(db, fresh);
    const device = await findDevice(db, deviceId);
    if (device === null) throw new Error("a device that was just stored is gone");
    return { device, ddi: fresh };
  }
}

type TagMap = Readonly<Record<string, string>>;

/** Null for an id that is free; a device with a key of its own never comes by this door. */
async function find(db: Db, deviceId: string): Promise<KnownDevice | null> {
  const device = await findDevice(db, deviceId);
  if (device === null) return null;
  const ddi = await findDdiDevice(db, deviceId);
  if (ddi === null || device.publicKey !== NO_KEY) throw refused();
  return { device, ddi };
}

function refused(): UnauthenticatedError {
  return new UnauthenticatedError({
    expected: "Authorization: TargetToken … or GatewayToken …, for this device",
    got: "none, or one that is unknown, revoked, of another device or used up",
    todo: "An operator makes one with `mote device ddi-token`.",
  });
}
