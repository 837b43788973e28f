import { readFileSync } from "node:fs";

/** Descriptors are files and connections; a process may have only so many of them open. */
export const DESCRIPTOR_LIMITS = {
  /** Kept for the store, blobs and HTTP, whatever number of devices is connected. */
  reserved: 512,
  /** Of a small limit, at least this share is kept. */
  reservedShare: 0.25,
  /** Connections below which an operator is told how many fit. */
  fewConnections: 10_000,
} as const;

/** How many this process may have open, by Linux's account; null where that can't be read. Node takes all it may get. */
export function descriptorLimit(limitsFile = "/proc/self/limits"): number | null {
  try {
    const match = /^Max open files\s+(\d+)/m.exec(readFileSync(limitsFile, "utf8"));
    return match === null ? null : Number(match[1]);
  } catch {
    return null;
  }
}

/** MQTT connections that leave enough for everything else. */
export function connectionsWithin(limit: number): number {
  const { reserved, reservedShare } = DESCRIPTOR_LIMITS;
  return limit - Math.min(reserved, Math.ceil(limit * reservedShare));
}

/** What an operator should know; null where there is room for a large fleet. */
export function descriptorNote(limit: number | null): string | null {
  if (limit === null || connectionsWithin(limit) >= DESCRIPTOR_LIMITS.fewConnections) return null;
  return `This process may have ${limit} files and connections open, so at most ${connectionsWithin(limit)} devices can be connected over MQTT at once; more are turned away. For a larger fleet raise the limit (ulimit -n, or LimitNOFILE= of systemd).`;
}
