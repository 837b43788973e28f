import {
  type DeviceConditions,
  nextOpening,
  type PreconditionName,
  type Preconditions,
  UNKNOWN_CONDITIONS,
  unmetPreconditions,
  windowZone,
} from "@mote/protocol";
import type { DeviceRecord } from "../store/devices.js";

/** Tag from which the zone of a device is read that doesn't tell its own. */
const ZONE_TAG = "timezone";

type Told = Pick<DeviceRecord, "batteryPercent" | "freeBytes" | "conditions" | "tags">;

/** What the server knows of a device, in the device's own terms. Battery and links may have changed since it polled. */
export function conditionsOf({ batteryPercent, freeBytes, conditions, tags }: Told): DeviceConditions {
  const told = { ...UNKNOWN_CONDITIONS, ...conditions, batteryPercent, freeBytes };
  return { ...told, timeZone: told.timeZone ?? tags[ZONE_TAG] ?? null };
}

/** What a device would wait for now, by what the server knows. */
export function unmetByServer(wanted: Preconditions, device: Told, nowMs: number): PreconditionName[] {
  return unmetPreconditions(wanted, conditionsOf(device), nowMs);
}

export interface Waits {
  readonly reason: PreconditionName;
  readonly devices: number;
  /** When the first window opens. */
  readonly untilMs: number | null;
}

/**
 * How many devices would wait, by reason. Zones are few, so each opening is looked up once.
 *
 * @param outOf devices of which these are a sample: the counts are scaled up to them.
 */
export function countWaits(
  wanted: Preconditions,
  devices: readonly Told[],
  nowMs: number,
  outOf: number = devices.length,
): Waits[] {
  const counts = new Map<PreconditionName, number>();
  const zones = new Set<string>();
  for (const device of devices) {
    const conditions = conditionsOf(device);
    for (const name of unmetPreconditions(wanted, conditions, nowMs)) {
      counts.set(name, (counts.get(name) ?? 0) + 1);
      if (name === "windows") zones.add(windowZone(wanted, conditions));
    }
  }
  const openings = [...zones]
    .map((zone) => nextOpening(wanted.windows ?? [], zone, nowMs))
    .filter((ms) => ms !== null);
  const firstMs = openings.length === 0 ? null : Math.min(...openings);
  return [...counts].map(([reason, count]) => ({
    reason,
    devices: Math.max(1, Math.round((count * outOf) / devices.length)),
    untilMs: reason === "windows" ? firstMs : null,
  }));
}
