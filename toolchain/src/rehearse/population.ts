import { createHash } from "node:crypto";
import type { DeviceView, RehearsedDevice, RolloutPlan } from "@mote/protocol";

/** Who takes part in a rehearsal. */
export interface Population {
  /** Devices that the plan could reach in the field. */
  readonly eligible: number;
  readonly devices: readonly Actor[];
}

/** A device of the rehearsal, before it has a token and perhaps a fault. */
export interface Actor extends Omit<RehearsedDevice, "token" | "fault"> {
  readonly hasRelease: boolean;
}

/** Each simulated device is modelled on a real one: its name, hardware, tags, battery and link. */
export function modelledOn(eligible: number, devices: readonly DeviceView[]): Population {
  return {
    eligible,
    devices: devices.map(
      ({ id, hardware, tags, batteryPercent, freeBytes, conditions, runningSequence }) => ({
        id,
        hardware,
        tags,
        batteryPercent,
        freeBytes,
        conditions,
        hasRelease: runningSequence > 0,
      }),
    ),
  };
}

/** Devices for a plan that no server knows yet. */
export function invented(plan: RolloutPlan, count: number): Population {
  const { hardware = ["simulated"], tags = {}, deviceIds } = plan.query;
  const ids =
    deviceIds ?? Array.from({ length: count }, (_, i) => `device-${String(i + 1).padStart(4, "0")}`);
  return {
    eligible: ids.length,
    devices: ids.slice(0, count).map((id, i) => ({
      id,
      hardware: hardware[i % hardware.length]!,
      tags,
      batteryPercent: null,
      freeBytes: null,
      conditions: null,
      hasRelease: true,
    })),
  };
}

/** An order that only the seed decides, for drawing the devices that faults befall. */
export function shuffled(ids: readonly string[], seed: number): string[] {
  const rank = (id: string) => createHash("sha256").update(`${seed}/${id}`).digest("hex");
  return ids
    .map((id) => ({ id, rank: rank(id) }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1))
    .map(({ id }) => id);
}
