import { type Static, Type } from "@sinclair/typebox";

/** What must hold on the device before it spends battery and bytes on an update. Absent means "don't care". */
export const Preconditions = Type.Object(
  {
    minBatteryPercent: Type.Optional(Type.Integer({ minimum: 0, maximum: 100 })),
    /** Charging satisfies `minBatteryPercent` too. */
    requireCharging: Type.Optional(Type.Boolean()),
    allowMetered: Type.Optional(Type.Boolean()),
    minFreeBytes: Type.Optional(Type.Integer({ minimum: 0 })),
    maxTemperatureC: Type.Optional(Type.Number()),
    requireIdle: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
);
export type Preconditions = Static<typeof Preconditions>;

/** What the device knows of itself; null where it has no such sensor (an unknown never blocks an update). */
export interface DeviceConditions {
  readonly batteryPercent: number | null;
  readonly charging: boolean | null;
  readonly metered: boolean | null;
  readonly freeBytes: number | null;
  readonly temperatureC: number | null;
  readonly busy: boolean;
}

/** The names of the preconditions that do not hold; empty when the update may go on. */
export function unmetPreconditions(wanted: Preconditions, now: DeviceConditions): string[] {
  const unmet: string[] = [];
  if (
    wanted.minBatteryPercent !== undefined &&
    now.batteryPercent !== null &&
    now.charging !== true &&
    now.batteryPercent < wanted.minBatteryPercent
  ) {
    unmet.push("minBatteryPercent");
  }
  if (wanted.requireCharging === true && now.charging === false) unmet.push("requireCharging");
  if (wanted.allowMetered === false && now.metered === true) unmet.push("allowMetered");
  if (wanted.minFreeBytes !== undefined && now.freeBytes !== null && now.freeBytes < wanted.minFreeBytes) {
    unmet.push("minFreeBytes");
  }
  if (
    wanted.maxTemperatureC !== undefined &&
    now.temperatureC !== null &&
    now.temperatureC > wanted.maxTemperatureC
  ) {
    unmet.push("maxTemperatureC");
  }
  if (wanted.requireIdle === true && now.busy) unmet.push("requireIdle");
  return unmet;
}
