/** Numbers and times as people read them. */

export function count(value: number): string {
  return value.toLocaleString("en");
}

/** "1 device", "2 devices" */
export function many(value: number, name: string, plural = `${name}s`): string {
  return `${count(value)} ${value === 1 ? name : plural}`;
}

export function percent(share: number | null, digits = 1): string {
  return share === null ? "–" : `${(100 * share).toFixed(digits)} %`;
}

export function bytes(value: number): string {
  if (value < 1000) return `${value} B`;
  if (value < 1e6) return `${(value / 1000).toFixed(1)} kB`;
  return `${(value / 1e6).toFixed(1)} MB`;
}

export function micros(value: number | null): string {
  if (value === null) return "–";
  if (value < 1000) return `${Math.round(value)} µs`;
  return `${(value / 1000).toFixed(value < 10_000 ? 2 : 1)} ms`;
}

export function microjoules(value: number | null): string {
  if (value === null) return "–";
  return value < 1000 ? `${value.toFixed(1)} µJ` : `${(value / 1000).toFixed(2)} mJ`;
}

export function ago(timeMs: number | null, nowMs: number): string {
  if (timeMs === null) return "never";
  return `${span(Math.max(0, nowMs - timeMs))} ago`;
}

/** A length of time in its largest unit that is more than one. */
export function span(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

const SAME_DAY: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit", second: "2-digit" };
const OTHER_DAY: Intl.DateTimeFormatOptions = {
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
};

/** The time of day, with the date unless it is today's. */
export function when(timeMs: number, nowMs: number): string {
  const [time, now] = [new Date(timeMs), new Date(nowMs)];
  const isToday = time.toDateString() === now.toDateString();
  return time.toLocaleString("en-GB", isToday ? SAME_DAY : OTHER_DAY);
}

export function short(sha256: string): string {
  return sha256.slice(0, 12);
}
