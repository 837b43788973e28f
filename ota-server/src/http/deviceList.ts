import { type DeviceListQuery, HEALTH_NAMES, type HealthQuery } from "@mote/protocol";
import { PreconditionError } from "../errors.js";
import { stateFilterOf } from "../rollout/query.js";
import { checkRunning, resolveRunning } from "../rollout/running.js";
import type { DeviceFilter } from "../store/deviceFilter.js";
import type { Db } from "../store/store.js";

/** What a list of devices asks, as the store asks it. Throws PreconditionError. */
export async function filterOf(
  db: Db,
  query: Omit<DeviceListQuery, "after" | "limit">,
  nowMs: number,
): Promise<DeviceFilter> {
  const { product, hardware, tag, agentVersion, prefix, revoked } = query;
  const health: HealthQuery = Object.fromEntries(
    HEALTH_NAMES.filter((name) => query[name] !== undefined).map((name) => [name, query[name]]),
  );
  const running = await runningOf(db, query);
  const state = { health, ...(agentVersion === undefined ? {} : { agentVersions: [agentVersion] }) };
  return {
    includeRevoked: true,
    ...(product === undefined ? {} : { product }),
    ...(hardware === undefined ? {} : { hardware: [hardware] }),
    ...(prefix === undefined ? {} : { prefix }),
    ...(revoked === undefined ? {} : { revoked }),
    ...(tag === undefined ? {} : { tags: tagOf(tag) }),
    state: stateFilterOf(state, running, nowMs),
  };
}

async function runningOf(
  db: Db,
  { product, running, sequence }: DeviceListQuery,
): Promise<readonly number[] | null> {
  if (running !== undefined && sequence !== undefined) {
    throw new PreconditionError({
      expected: "either sequence or running: both say which release a device runs",
      got: `sequence=${sequence} and running=${running}`,
      todo: "Leave one of them out.",
    });
  }
  if (sequence !== undefined) return [sequence];
  if (running === undefined) return null;
  if (running === "none") return [0];
  if (product === undefined) {
    throw new PreconditionError({
      expected: "a product beside the running version: versions are those of a product",
      got: "none",
      todo: "Add product=NAME.",
    });
  }
  const resolved = await resolveRunning(db, { product, query: { running: [running] } });
  checkRunning(resolved, product);
  return resolved.sequences;
}

function tagOf(tag: string): Record<string, string> {
  const at = tag.indexOf("=");
  if (at > 0) return { [tag.slice(0, at)]: tag.slice(at + 1) };
  throw new PreconditionError({ expected: "tag=name=value", got: tag, todo: "For example ?tag=site=north." });
}
