import { type Static, Type } from "@sinclair/typebox";

/**
 * Maintenance windows in the device's own time. A window is judged by what a clock on the wall at the device shows
 * (IANA time zones), so daylight saving needs no rule of its own: where the clock goes back a window in the repeated
 * hour is open twice, and one that lies wholly in the hour that is left out does not open that day.
 */

export const WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;
export type Weekday = (typeof WEEKDAYS)[number];

const strict = { additionalProperties: false } as const;
const TimeOfDay = Type.String({ pattern: "^([01]\\d|2[0-3]):[0-5]\\d$" });

/** An IANA name such as "Europe/Berlin" or "UTC". Syntax only: which names exist, the device's own tables say. */
export const TimeZone = Type.String({ pattern: "^[A-Za-z][A-Za-z0-9_+/-]{0,63}$" });

/** From `from` (included) to `to` (excluded). A `to` at or before `from` lies on the next day. */
export const MaintenanceWindow = Type.Object(
  {
    /** Days on which it begins; left out: every day. */
    days: Type.Optional(
      Type.Array(Type.Union(WEEKDAYS.map((day) => Type.Literal(day))), { minItems: 1, maxItems: 7 }),
    ),
    from: TimeOfDay,
    to: TimeOfDay,
  },
  strict,
);
export type MaintenanceWindow = Static<typeof MaintenanceWindow>;

/** What a clock on the wall shows. */
export interface LocalTime {
  readonly weekday: Weekday;
  /** Minutes since midnight. */
  readonly minute: number;
}

const DAY_MINUTES = 1440;

/** Formatters are dear to make (about 50 us); a fleet lives in a few zones. */
const formats = new Map<string, Intl.DateTimeFormat | null>();
const MAX_FORMATS = 512;

function formatFor(zone: string): Intl.DateTimeFormat | null {
  const held = formats.get(zone);
  if (held !== undefined) return held;
  if (formats.size >= MAX_FORMATS) formats.clear();
  let made: Intl.DateTimeFormat | null;
  try {
    made = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone,
      hourCycle: "h23",
      weekday: "short",
      hour: "2-digit",
      minute: "2-digit",
    });
  } catch {
    made = null;
  }
  formats.set(zone, made);
  return made;
}

export function isTimeZone(zone: string): boolean {
  return formatFor(zone) !== null;
}

/** Null for a zone that this machine's tables don't know. */
export function localTime(wallMs: number, zone: string): LocalTime | null {
  const format = formatFor(zone);
  if (format === null) return null;
  const parts = new Map(format.formatToParts(wallMs).map(({ type, value }) => [type, value]));
  const weekday = WEEKDAYS.find((day) => day === parts.get("weekday")?.toLowerCase());
  if (weekday === undefined) return null;
  return { weekday, minute: 60 * Number(parts.get("hour")) + Number(parts.get("minute")) };
}

export function isInWindow(windows: readonly MaintenanceWindow[], at: LocalTime): boolean {
  return windows.some(({ days, from, to }) => {
    const [start, end] = [minuteOf(from), minuteOf(to)];
    const beginsOn = (day: Weekday) => days === undefined || days.includes(day);
    if (start < end) return beginsOn(at.weekday) && at.minute >= start && at.minute < end;
    return (
      (beginsOn(at.weekday) && at.minute >= start) || (beginsOn(dayBefore(at.weekday)) && at.minute < end)
    );
  });
}

/** Steps of the search below; no window that people write is shorter. */
const STEP_MINUTES = 5;
const SEARCH_DAYS = 8;

/**
 * When the windows open next, milliseconds since 1970, to five minutes; `wallMs` itself while one is open; null when none
 * opens within eight days (or the zone is unknown).
 */
export function nextOpening(
  windows: readonly MaintenanceWindow[],
  zone: string,
  wallMs: number,
): number | null {
  const now = localTime(wallMs, zone);
  if (now === null) return null;
  if (isInWindow(windows, now)) return wallMs;
  const stepMs = STEP_MINUTES * 60_000;
  const firstMs = Math.ceil(wallMs / stepMs) * stepMs;
  for (let step = 0; step < (SEARCH_DAYS * DAY_MINUTES) / STEP_MINUTES; step++) {
    const at = localTime(firstMs + step * stepMs, zone);
    if (at !== null && isInWindow(windows, at)) return firstMs + step * stepMs;
  }
  return null;
}

function minuteOf(text: string): number {
  return 60 * Number(text.slice(0, 2)) + Number(text.slice(3));
}

function dayBefore(day: Weekday): Weekday {
  return WEEKDAYS[(WEEKDAYS.indexOf(day) + 6) % 7]!;
}
