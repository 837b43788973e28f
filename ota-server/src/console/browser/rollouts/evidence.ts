import type { Finding, GateEvidence, GateLook } from "@mote/protocol";
import { difference, worseIs } from "../words.js";

/** Where a look's figures stand on a scale that holds zero and the margin. Pure; all places are percentages. */

export interface Scale {
  readonly from: number;
  readonly to: number;
}

/** Beyond so many margins nobody needs to see how far. */
const REACH = 8;

export function scaleOf(trail: readonly GateLook[], margin: number): Scale {
  const values = trail.flatMap(({ low, high, difference: measured }) => [low, high, measured]);
  const known = values.filter((value) => value !== null);
  const within = (value: number) => Math.max(-REACH * margin, Math.min(REACH * margin, value));
  const from = Math.min(-margin, ...known.map(within));
  const to = Math.max(2 * margin, ...known.map(within));
  const room = 0.06 * (to - from);
  return { from: from - room, to: to + room };
}

export function place({ from, to }: Scale, value: number): number {
  const share = (value - from) / (to - from);
  return 100 * Math.max(0, Math.min(1, share));
}

/** The part of the scale that a look leaves possible; open ends reach its border. */
export function reachOf(scale: Scale, { low, high }: GateLook): { left: number; width: number } {
  const left = low === null ? 0 : place(scale, low);
  const right = high === null ? 100 : place(scale, high);
  return { left, width: Math.max(0, right - left) };
}

/** Why the gate says what it says, by the picture. */
export function explain(gate: GateEvidence): string | null {
  const last = gate.trail?.at(-1);
  if (last === undefined || gate.margin === null) return null;
  const margin = difference(gate.gate, gate.margin).replace("+", "");
  const bounds = `${bound(gate.gate, last.low, "no lower end")} to ${bound(gate.gate, last.high, "no upper end")}`;
  const is = worseIs(gate.gate);
  if (gate.finding !== undefined && gate.verdict !== "stop") return explainFinding(gate.finding, margin, is);
  switch (gate.verdict) {
    case "stop":
      // No two releases agree always: there "worse" is measured from the margin, not from zero.
      if (gate.gate === "agreement")
        return `The whole bar lies beyond the margin of ${margin} (${is}): surely too much.`;
      return `The whole bar lies on the worse side of zero (${is}), and what was measured is beyond the margin of ${margin}: surely worse.`;
    case "advance":
      return `The whole bar (${bounds}) lies below the margin of ${margin}: surely not worse than allowed.`;
    case "undecided":
      return `The bar (${bounds}) reaches beyond the margin of ${margin}, so it may be worse than allowed; that is not sure either. More telemetry makes the bar shorter.`;
    default:
      return null;
  }
}

/** @param is what worse means, for example "less confident". */
function explainFinding(finding: Finding, margin: string, is: string): string {
  switch (finding) {
    case "better":
      return "What the bars have in common lies wholly on the better side of zero: surely better.";
    case "worse":
      return `What the bars have in common lies on the worse side of zero (${is}): surely worse, if not by the margin of ${margin}.`;
    case "equal":
      return `What the bars have in common holds zero and lies within the margin of ${margin} on both sides: no difference that matters.`;
    case "undecided":
      return `What the bars have in common reaches beyond the margin of ${margin} on a side, so a difference that matters may be there. More telemetry makes the bars shorter.`;
  }
}

function bound(gate: string, value: number | null, open: string): string {
  return value === null ? open : difference(gate, value);
}
