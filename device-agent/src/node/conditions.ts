import { access, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { DeviceConditions, LinkType } from "@mote/protocol";
import type { BlobStore, Clock, Conditions } from "../core/ports.js";

const POWER = "/sys/class/power_supply";
const THERMAL = "/sys/class/thermal";
/** Conditions change slowly and reading them costs system calls; milliseconds. */
const FRESH_MS = 2_000;

/**
 * What this machine knows of itself. Linux tells of batteries, temperature and links; elsewhere they are unknown.
 *
 * @param criticalFile while it exists the device is at something that must not be interrupted: any program can make it.
 */
export function machineConditions(
  blobs: BlobStore,
  clock: Clock,
  fixed: Partial<DeviceConditions>,
  criticalFile: string | null,
): Conditions {
  let held: { readonly atMs: number; readonly value: DeviceConditions } | null = null;
  return async () => {
    const nowMs = clock.monotonicMs();
    if (held !== null && nowMs - held.atMs < FRESH_MS) return held.value;
    const value: DeviceConditions = {
      ...(await battery()),
      metered: null,
      link: await linkType(),
      freeBytes: await blobs.freeBytes().catch(() => null),
      temperatureC: await temperature(),
      busy: false,
      inCriticalTask: criticalFile !== null && (await isThere(criticalFile)),
      timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      ...fixed,
    };
    held = { atMs: nowMs, value };
    return value;
  };
}

async function battery(): Promise<Pick<DeviceConditions, "batteryPercent" | "charging">> {
  for (const name of await names(POWER)) {
    const percent = await numberIn(join(POWER, name, "capacity"));
    if (percent === null) continue;
    const status = await textIn(join(POWER, name, "status"));
    return { batteryPercent: percent, charging: status === null ? null : status !== "Discharging" };
  }
  return { batteryPercent: null, charging: null };
}

/** Of the route by which packets leave; the names of interfaces are Linux's own (systemd.net-naming-scheme). */
async function linkType(): Promise<LinkType | null> {
  const routes = (await textIn("/proc/net/route")) ?? "";
  const isDefault = (line: string[]) => line[1] === "00000000";
  const name = routes
    .split("\n")
    .map((line) => line.split(/\s+/))
    .find(isDefault)?.[0];
  if (name === undefined) return null;
  if (/^(wl|wifi)/.test(name)) return "wifi";
  if (/^(ww|ppp|rmnet)/.test(name)) return "cellular";
  return /^(en|eth)/.test(name) ? "ethernet" : "other";
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** The hottest zone, in degrees Celsius. */
async function temperature(): Promise<number | null> {
  let hottest: number | null = null;
  for (const name of await names(THERMAL)) {
    const milli = await numberIn(join(THERMAL, name, "temp"));
    if (milli !== null) hottest = Math.max(hottest ?? Number.NEGATIVE_INFINITY, milli / 1000);
  }
  return hottest;
}

async function names(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}

async function textIn(path: string): Promise<string | null> {
  return readFile(path, "utf8").then(
    (text) => text.trim(),
    () => null,
  );
}

async function numberIn(path: string): Promise<number | null> {
  const text = await textIn(path);
  const value = text === null || text === "" ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : null;
}
