import { UsageError } from "../../errors.js";

const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/** `30` or `30s`, `15m`, `24h`, `7d`, in seconds. Throws UsageError. */
export function parseDurationS(text: string): number {
  const [, number, unit = "s"] = /^(\d+(?:\.\d+)?)(s|m|h|d)?$/.exec(text) ?? [];
  if (number !== undefined) return Number(number) * SECONDS[unit as keyof typeof SECONDS];
  throw new UsageError({
    expected: "a duration such as 30s, 15m, 24h or 7d",
    got: JSON.stringify(text),
    todo: "A number alone is seconds.",
  });
}
