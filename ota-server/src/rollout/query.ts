import type { DeviceQuery, RolloutPlan } from "@mote/protocol";
import type { DeviceFilter, DeviceStateFilter } from "../store/deviceFilter.js";
import type { DeviceRecord } from "../store/devices.js";

/** Whom a rollout is for. */
export interface Target {
  readonly plan: Pick<RolloutPlan, "product" | "query" | "strategy">;
  /** The query's running versions as sequences; null where it does not ask. */
  readonly running: readonly number[] | null;
  /** Of the rollout; null while there is none. */
  readonly id: string | null;
}

/** What a device is. */
export type Matchable = Pick<DeviceRecord, "id" | "product" | "hardware" | "tags" | "revokedAtMs"> &
  /** How it is. */
  Pick<
    DeviceRecord,
    | "runningSequence"
    | "agentVersion"
    | "online"
    | "lastUpdateFailed"
    | "floor"
    | "errorRate"
    | "canShadow"
    | "canHold"
  >;

/**
 * The same question as the store's filter, for one device that asks just now.
 *
 * @param isMember of the rollout: what has become of it since it was told does not put it out.
 */
export function matches(target: Target, device: Matchable, isMember: boolean): boolean {
  const { product, query } = target.plan;
  if (device.product !== product || device.revokedAtMs !== null) return false;
  if (query.hardware !== undefined && !query.hardware.includes(device.hardware)) return false;
  if (query.deviceIds !== undefined && !query.deviceIds.includes(device.id)) return false;
  if (Object.entries(query.tags ?? {}).some(([name, value]) => device.tags[name] !== value)) return false;
  return isMember || isInState(target, device);
}

function isInState({ plan: { query }, running }: Target, device: Matchable): boolean {
  const { agentVersions, health = {} } = query;
  if (running !== null && !running.includes(device.runningSequence)) return false;
  if (agentVersions !== undefined && !agentVersions.includes(device.agentVersion)) return false;
  // Whoever asks has been seen: `seenWithinS` holds.
  const { online, lastUpdateFailed, belowFloor, maxErrorRate } = health;
  if (online !== undefined && online !== device.online) return false;
  if (lastUpdateFailed !== undefined && lastUpdateFailed !== device.lastUpdateFailed) return false;
  const isBelow = device.runningSequence > 0 && device.runningSequence < device.floor;
  if (belowFloor !== undefined && belowFloor !== isBelow) return false;
  return maxErrorRate === undefined || device.errorRate === null || device.errorRate <= maxErrorRate;
}

/**
 * Can no device ever match both? Judged by what devices are, so that it stays true for devices still to come; how they
 * are changes, and keeps nobody apart.
 */
export function areDisjoint(a: DeviceQuery, b: DeviceQuery): boolean {
  const share = (one: readonly string[] | undefined, other: readonly string[] | undefined) =>
    one === undefined || other === undefined || one.some((name) => other.includes(name));
  if (!share(a.hardware, b.hardware) || !share(a.deviceIds, b.deviceIds)) return true;
  const tags = b.tags ?? {};
  return Object.entries(a.tags ?? {}).some(([name, value]) => (tags[name] ?? value) !== value);
}

/** The target as the store asks for it. */
export function filterOf({ plan, running, id }: Target, nowMs: number): DeviceFilter {
  const { hardware, tags, deviceIds } = plan.query;
  return {
    product: plan.product,
    ...(hardware === undefined ? {} : { hardware }),
    ...(tags === undefined ? {} : { tags }),
    ...(deviceIds === undefined ? {} : { ids: deviceIds }),
    state: stateFilterOf(plan.query, running, nowMs),
    ...(id === null ? {} : { orMemberOf: id }),
  };
}

export function stateFilterOf(
  { agentVersions, health = {} }: Pick<DeviceQuery, "agentVersions" | "health">,
  running: readonly number[] | null,
  nowMs: number,
): DeviceStateFilter {
  const { seenWithinS, ...others } = health;
  return {
    ...others,
    ...(seenWithinS === undefined ? {} : { seenSinceMs: nowMs - 1000 * seenWithinS }),
    ...(running === null ? {} : { sequences: running }),
    ...(agentVersions === undefined ? {} : { agentVersions }),
  };
}
