import Table from "cli-table3";
import pc from "picocolors";
import { briefName } from "./over.js";
import type { Over, ProfileReport } from "./report.js";
import type { Way } from "./ways.js";

const UNITS: readonly [number, string][] = [
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
];

/** 12345 -> "12.3 k" */
function short(value: number, unit: string): string {
  const [factor, prefix] = UNITS.find(([limit]) => Math.abs(value) >= limit) ?? [1, ""];
  const scaled = value / factor;
  return `${scaled >= 100 || Number.isInteger(scaled) ? Math.round(scaled) : scaled.toPrecision(3)} ${prefix}${unit}`;
}

/** Microseconds, -joules or -watts in the unit that people say. */
export function fromMicro(value: number, unit: "s" | "J" | "W"): string {
  if (value >= 1e6) return short(value / 1e6, unit);
  return value >= 1e3 ? `${(value / 1e3).toPrecision(3)} m${unit}` : `${value.toPrecision(3)} u${unit}`;
}

export function bytes(value: number): string {
  if (value >= 1024 ** 2) return `${(value / 1024 ** 2).toFixed(1)} MiB`;
  return value >= 10 * 1024 ? `${(value / 1024).toFixed(1)} KiB` : `${value} B`;
}

export function describeOver({ limit, allowed, needed, unit, layer, proposal }: Over): string {
  const show = (value: number): string =>
    unit === "B" ? bytes(value) : fromMicro(value, unit === "us" ? "s" : unit === "uJ" ? "J" : "W");
  return `${limit}: ${show(needed)} where ${show(allowed)} are allowed; most of it at "${briefName(layer)}". ${proposal}`;
}

export function renderWay({ change, price, isProved }: Way): string {
  return `${isProved ? "holds every limit" : "estimate"}: ${change} (${price})`;
}

export function renderProfile(report: ProfileReport, ways: readonly Way[] = []): string {
  const layers = new Table({
    head: ["layer", "operator", "MACs", "parameters", "alive", "time", "worst case", "energy"],
    colAligns: ["left", "left", "right", "right", "right", "right", "right", "right"],
    style: { head: [], border: [], compact: true },
  });
  for (const layer of report.layers)
    layers.push([
      briefName(layer.name).slice(0, 32),
      layer.kind,
      short(layer.macs, ""),
      bytes(layer.paramBytes),
      layer.liveBytes > 0 ? bytes(layer.liveBytes) : "-",
      fromMicro(layer.latencyUs, "s"),
      fromMicro(layer.worstCaseLatencyUs, "s"),
      report.energyUj === null ? "-" : fromMicro(layer.energyUj, "J"),
    ]);
  const parts = (all: Readonly<Record<string, number>>): string =>
    Object.entries(all)
      .map(([name, value]) => `${name} ${bytes(value)}`)
      .join(", ");
  const lines = [
    `${report.model} on ${report.target}`,
    layers.toString(),
    `RAM            ${bytes(report.ramBytes)} (${parts(report.ramParts)})`,
    `flash          ${bytes(report.flashBytes)} (${parts(report.flashParts)})`,
    `latency        ${fromMicro(report.latencyUs, "s")}, worst case ${fromMicro(report.worstCaseLatencyUs, "s")}`,
    ...(report.energyUj === null ? [] : [`energy         ${fromMicro(report.energyUj, "J")} per inference`]),
    ...(report.averagePowerUw === null
      ? []
      : [
          `average power  ${fromMicro(report.averagePowerUw, "W")} at ${report.inferencesPerS.toPrecision(3)} inferences a second`,
        ]),
    ...(report.batteryDays === null ? [] : [`battery        ${report.batteryDays.toFixed(1)} days`]),
    report.fits ? pc.green("within the budget") : pc.red("over the budget"),
    ...report.over.map((each) => `  ${pc.red(describeOver(each))}`),
    ...ways.map((way) => `  ${renderWay(way)}`),
    pc.dim(report.basis.join("\n")),
  ];
  return lines.join("\n");
}

/** The JSON document of `mote profile --json`: the numbers without the plan. */
export function profileDocument({ plan: _plan, ...rest }: ProfileReport, ways: readonly Way[] = []): object {
  return { ...rest, ways };
}
