import { type Static, Type } from "@sinclair/typebox";
import { isInWindow, localTime, MaintenanceWindow, TimeZone } from "./windows.js";

export const LINK_TYPES = ["ethernet", "wifi", "cellular", "lpwan", "other"] as const;
export const LinkType = Type.Union(LINK_TYPES.map((link) => Type.Literal(link)));
export type LinkType = Static<typeof LinkType>;

/** What must hold on the device before it spends battery and bytes on an update. Absent means "don't care". */
export const Preconditions = Type.Object(
  {
    minBatteryPercent: Type.Optional(Type.Integer({ minimum: 0, maximum: 100 })),
    /** Charging satisfies `minBatteryPercent` too. */
    requireCharging: Type.Optional(Type.Boolean()),
    allowMetered: Type.Optional(Type.Boolean()),
    /** Links over which it may come. */
    links: Type.Optional(Type.Array(LinkType, { minItems: 1, maxItems: LINK_TYPES.length })),
    minFreeBytes: Type.Optional(Type.Integer({ minimum: 0 })),
    /** Degrees Celsius. */
    minTemperatureC: Type.Optional(Type.Number()),
    maxTemperatureC: Type.Optional(Type.Number()),
    /** The device does nothing that the update would disturb. */
    requireIdle: Type.Optional(Type.Boolean()),
    /** Not while the device is at something that must not be interrupted (a patient on the table, a door in motion). */
    requireNoCriticalTask: Type.Optional(Type.Boolean()),
    /** Only in one of these, in the device's own time zone. */
    windows: Type.Optional(Type.Array(MaintenanceWindow, { minItems: 1, maxItems: 16 })),
    /** Zone of the windows for devices that don't know theirs; left out: UTC. */
    timeZone: Type.Optional(TimeZone),
  },
  { additionalProperties: false },
);
export type Preconditions = Static<typeof Preconditions>;

/** Names by which a device says what it waits for. */
export type PreconditionName = Exclude<keyof Preconditions, "timeZone">;

/** What the device knows of itself; null where it has no such sensor. */
export interface DeviceConditions {
  readonly batteryPercent: number | null;
  readonly charging: boolean | null;
  readonly metered: boolean | null;
  readonly link: LinkType | null;
  readonly freeBytes: number | null;
  readonly temperatureC: number | null;
  readonly busy: boolean;
  readonly inCriticalTask: boolean;
  /** IANA name. */
  readonly timeZone: string | null;
}

export const UNKNOWN_CONDITIONS: DeviceConditions = {
  batteryPercent: null,
  charging: null,
  metered: null,
  link: null,
  freeBytes: null,
  temperatureC: null,
  busy: false,
  inCriticalTask: false,
  timeZone: null,
};

const CHECKS: Record<
  PreconditionName,
  (wanted: Preconditions, now: DeviceConditions, wallMs: number | null) => boolean
> = {
  minBatteryPercent: ({ minBatteryPercent: least }, { batteryPercent, charging }) =>
    least === undefined || batteryPercent === null || charging === true || batteryPercent >= least,
  requireCharging: ({ requireCharging }, { charging }) => requireCharging !== true || charging !== false,
  allowMetered: ({ allowMetered }, { metered }) => allowMetered !== false || metered !== true,
  links: ({ links }, { link }) => links === undefined || link === null || links.includes(link),
  minFreeBytes: ({ minFreeBytes: least }, { freeBytes }) =>
    least === undefined || freeBytes === null || freeBytes >= least,
  minTemperatureC: ({ minTemperatureC: least }, { temperatureC }) =>
    least === undefined || temperatureC === null || temperatureC >= least,
  maxTemperatureC: ({ maxTemperatureC: most }, { temperatureC }) =>
    most === undefined || temperatureC === null || temperatureC <= most,
  requireIdle: ({ requireIdle }, { busy }) => requireIdle !== true || !busy,
  requireNoCriticalTask: ({ requireNoCriticalTask }, { inCriticalTask }) =>
    requireNoCriticalTask !== true || !inCriticalTask,
  windows: isWindowOpen,
};

/**
 * The names of the preconditions that do not hold; empty when the update may go on. What a device can't sense never
 * blocks it, the time apart: a window is a promise to people, so a device without a clock keeps out of it.
 *
 * @param wallMs milliseconds since 1970; null on a device whose clock was never set.
 */
export function unmetPreconditions(
  wanted: Preconditions,
  now: DeviceConditions,
  wallMs: number | null,
): PreconditionName[] {
  const names = Object.keys(CHECKS) as PreconditionName[];
  return names.filter((name) => !CHECKS[name](wanted, now, wallMs));
}

/** What an update asks only for what it fetches; once it is here they are of no concern. */
export const OF_TRANSFER: ReadonlySet<PreconditionName> = new Set(["allowMetered", "links", "minFreeBytes"]);

/** The zone in which a device's windows are read. */
export function windowZone(wanted: Preconditions, now: Pick<DeviceConditions, "timeZone">): string {
  return now.timeZone ?? wanted.timeZone ?? "UTC";
}

function isWindowOpen(wanted: Preconditions, now: DeviceConditions, wallMs: number | null): boolean {
  if (wanted.windows === undefined) return true;
  if (wallMs === null) return false;
  const at = localTime(wallMs, windowZone(wanted, now)) ?? localTime(wallMs, wanted.timeZone ?? "UTC");
  return at !== null && isInWindow(wanted.windows, at);
}

/** The stricter of two: a wave adds to what its rollout asks, and wins where both speak. */
export function mergedPreconditions(rollout: Preconditions, wave: Preconditions | undefined): Preconditions {
  return { ...rollout, ...wave };
}
