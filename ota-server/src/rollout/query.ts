import type { DeviceQuery, RolloutPlan } from "@mote/protocol";
import type { DeviceFilter } from "../store/devices.js";

export interface Matchable {
  readonly id: string;
  readonly product: string;
  readonly hardware: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly revokedAtMs: number | null;
}

/** The same question as the store's filter, for one device at hand. */
export function matches(query: DeviceQuery, product: string, device: Matchable): boolean {
  if (device.product !== product || device.revokedAtMs !== null) return false;
  if (query.hardware !== undefined && !query.hardware.includes(device.hardware)) return false;
  if (query.deviceIds !== undefined && !query.deviceIds.includes(device.id)) return false;
  return Object.entries(query.tags ?? {}).every(([name, value]) => device.tags[name] === value);
}

/** Can no device ever match both? Judged by the questions alone, so that it stays true for devices still to come. */
export function areDisjoint(a: DeviceQuery, b: DeviceQuery): boolean {
  const share = (one: readonly string[] | undefined, other: readonly string[] | undefined) =>
    one === undefined || other === undefined || one.some((name) => other.includes(name));
  if (!share(a.hardware, b.hardware) || !share(a.deviceIds, b.deviceIds)) return true;
  const tags = b.tags ?? {};
  return Object.entries(a.tags ?? {}).some(([name, value]) => (tags[name] ?? value) !== value);
}

/** The plan's query as the store asks it. */
export function filterOf(plan: Pick<RolloutPlan, "product" | "query">): DeviceFilter {
  const { hardware, tags, deviceIds } = plan.query;
  return {
    product: plan.product,
    ...(hardware === undefined ? {} : { hardware }),
    ...(tags === undefined ? {} : { tags }),
    ...(deviceIds === undefined ? {} : { ids: deviceIds }),
  };
}
