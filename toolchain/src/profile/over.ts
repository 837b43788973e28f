import type { Target } from "../targets/target.js";
import type { Budget } from "./budget.js";
import type { LayerProfile, Over, ProfileReport } from "./report.js";

export type { Over } from "./report.js";

type Measured = Pick<
  ProfileReport,
  "ramBytes" | "flashBytes" | "worstCaseLatencyUs" | "energyUj" | "averagePowerUw" | "layers" | "flashParts"
>;

/** The last of the names that a converter joined with ";" when it fused operators. */
export const briefName = (name: string): string => name.slice(name.lastIndexOf(";") + 1);

/** Limits of the budget and of the part itself (its RAM and flash), each with the layer that breaks it. */
export function overBudget(report: Measured, target: Target, budget: Budget): Over[] {
  const { layers } = report;
  const out: Over[] = [];
  const check = (
    limit: Over["limit"],
    unit: Over["unit"],
    allowed: number | undefined,
    needed: number | null,
    share: (layer: LayerProfile) => number,
    proposal: (layer: LayerProfile) => string,
  ): void => {
    if (allowed === undefined || needed === null || needed <= allowed) return;
    const layer = layers.reduce((a, b) => (share(b) > share(a) ? b : a));
    out.push({ limit, allowed, needed, unit, layer: layer.name, proposal: proposal(layer) });
  };
  const least = (a: number | undefined, b: number | undefined): number | undefined =>
    a === undefined ? b : b === undefined ? a : Math.min(a, b);
  check(
    "ram",
    "B",
    least(budget.ramBytes, target.ramBytes?.value),
    report.ramBytes,
    (layer) => layer.liveBytes,
    (layer) =>
      `Fewer channels or a larger stride at or before "${briefName(layer.name)}" shrink what is alive there.`,
  );
  check(
    "flash",
    "B",
    least(budget.flashBytes, target.flashBytes?.value),
    report.flashBytes,
    (layer) => layer.paramBytes,
    (layer) => {
      const excess = report.flashBytes - (least(budget.flashBytes, target.flashBytes?.value) ?? 0);
      const second = report.flashParts["secondSlot"] ?? 0;
      return second >= excess
        ? `--single-slot saves ${second} B and gives up undoing an update on the device; or prune "${briefName(layer.name)}", which holds ${layer.paramBytes} B.`
        : `Prune "${briefName(layer.name)}", which holds ${layer.paramBytes} B.`;
    },
  );
  const bySpeed = (layer: LayerProfile): string =>
    `Prune channels of "${briefName(layer.name)}" (${Math.round((100 * layer.latencyUs) / totalOf(layers))} % of the time), or take a faster target.`;
  check(
    "latency",
    "us",
    budget.latencyUs,
    report.worstCaseLatencyUs,
    (layer) => layer.worstCaseLatencyUs,
    bySpeed,
  );
  check("energy", "uJ", budget.energyUj, report.energyUj, (layer) => layer.energyUj, bySpeed);
  check(
    "averagePower",
    "uW",
    budget.averagePowerUw,
    report.averagePowerUw,
    (layer) => layer.energyUj,
    (layer) => `${bySpeed(layer)} Or run less often.`,
  );
  return out;
}

function totalOf(layers: readonly LayerProfile[]): number {
  return Math.max(
    Number.MIN_VALUE,
    layers.reduce((sum, layer) => sum + layer.latencyUs, 0),
  );
}
