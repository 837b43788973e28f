import type { DeviceView, FleetAnswer } from "@mote/protocol";
import { readCounter } from "../store/counters.js";
import { countByRelease, type DeviceRecord } from "../store/devices.js";
import { listReleases } from "../store/releases.js";
import type { Db } from "../store/store.js";

/** Names of releases by product and sequence. */
export type VersionNames = (product: string, sequence: number) => string | null;

export async function versionNames(db: Db): Promise<VersionNames> {
  const names = new Map<string, string>();
  for (const { product, sequence, version } of await listReleases(db)) {
    names.set(`${product}/${sequence}`, version);
  }
  return (product, sequence) => names.get(`${product}/${sequence}`) ?? null;
}

export function deviceView(device: DeviceRecord, names: VersionNames): DeviceView {
  return {
    id: device.id,
    product: device.product,
    hardware: device.hardware,
    tags: device.tags,
    online: device.online,
    revoked: device.revokedAtMs !== null,
    enrolledAtMs: device.enrolledAtMs,
    lastSeenMs: device.lastSeenMs,
    runningSequence: device.runningSequence,
    runningVersion: names(device.product, device.runningSequence),
    artifactSha256: device.artifactSha256,
    floor: device.floor,
    lastUpdateFailed: device.lastUpdateFailed,
    errorRate: device.errorRate,
    agentVersion: device.agentVersion,
    batteryPercent: device.batteryPercent,
    freeBytes: device.freeBytes,
    conditions: device.conditions,
    canShadow: device.canShadow,
    canHold: device.canHold,
  };
}

export async function fleetView(db: Db, activeRollouts: string[]): Promise<FleetAnswer> {
  const names = await versionNames(db);
  const rows = await countByRelease(db);
  const products = new Map<string, FleetAnswer["products"][number]>();
  for (const { product, sequence, devices } of rows) {
    const entry = products.get(product) ?? { product, devices: 0, versions: [] };
    products.set(product, {
      ...entry,
      devices: entry.devices + devices,
      versions: [...entry.versions, { sequence, version: names(product, sequence), devices }],
    });
  }
  return {
    devices: rows.reduce((sum, row) => sum + row.devices, 0),
    online: rows.reduce((sum, row) => sum + row.online, 0),
    products: [...products.values()],
    frames: await readCounter(db, "windows"),
    reports: await readCounter(db, "reports"),
    activeRollouts,
  };
}
