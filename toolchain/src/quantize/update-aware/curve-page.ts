import { escapeHtml } from "../../profile/escape-html.js";
import { htmlPage } from "../../profile/page.js";
import type { UpdatePoint, UpdateReport } from "./options.js";

const WIDTH = 720;
const HEIGHT = 360;
const MARGIN = { left: 64, right: 24, top: 20, bottom: 48 };

/** What one version in the fleet has to fetch. */
export interface FleetPatch {
  /** The file that devices hold. */
  readonly previous: string;
  readonly codec: string;
  readonly oldBytes: number;
  readonly patchBytes: number;
  /** Of the new file. */
  readonly share: number;
}

export interface CurvePage {
  readonly model: string;
  readonly report: UpdateReport;
  readonly newBytes: number;
  /** The best compression of the new file without any old one. */
  readonly fullBytes: number;
  readonly patches: readonly FleetPatch[];
}

/** One file, nothing loaded from anywhere: accuracy against the bytes of the patch, from which a person picks. */
export function renderCurve(page: CurvePage): string {
  const { report } = page;
  const against = page.patches[0]?.previous ?? "the previous model";
  return htmlPage(
    `${page.model}: accuracy against bytes of the update`,
    STYLE,
    `<h1>${escapeHtml(page.model)} <span>as an update of ${escapeHtml(against)}</span></h1>
<p>Each dot is a whole model, rounded so far towards the one that devices hold: the further left, the fewer bytes to fetch. ${report.measure === "accuracy" ? "Accuracy" : "Agreement with the float model"} on ${report.validationSamples} samples that the rounding did not see, of which one is ${points(100 / Math.max(1, report.validationSamples))} points.</p>
${chart(page)}
${curveTable(page)}
<h2>What each version fetches</h2>
${table(
  ["held by devices", "codec", "patch", "share of the new file"],
  page.patches.map((patch) => [patch.previous, patch.codec, `${patch.patchBytes} B`, percent(patch.share)]),
)}
<h2>By class</h2>
<p>The update is another model than the one that was validated. Whoever signs should look at the classes that got worse.</p>
${classTable(report)}`,
  );
}

function chart({ report, newBytes, fullBytes }: CurvePage): string {
  const dots = report.curve.filter(({ patchBytes }) => patchBytes !== undefined);
  const marks: readonly (readonly [number, string])[] = [
    ...(report.plainPatchBytes === undefined ? [] : [[report.plainPatchBytes, "rounded as ever"] as const]),
    [fullBytes, "whole, compressed"],
  ];
  const most = Math.max(...dots.map(({ patchBytes }) => patchBytes!), ...marks.map(([bytes]) => bytes));
  const floor = report.plainAccuracy - report.maxLossPoints / 100;
  const accuracies = [...dots.map(({ accuracy }) => accuracy), report.plainAccuracy, floor];
  const air = Math.max(0.001, (Math.max(...accuracies) - Math.min(...accuracies)) / 8);
  const [low, high] = [Math.min(...accuracies) - air, Math.max(...accuracies) + air];
  const bottom = HEIGHT - MARGIN.bottom;
  const right = WIDTH - MARGIN.right;
  const x = (bytes: number): number =>
    Math.round(MARGIN.left + (bytes / (1.05 * most)) * (right - MARGIN.left));
  const y = (accuracy: number): number =>
    Math.round(bottom - ((accuracy - low) / (high - low)) * (bottom - MARGIN.top));
  const line = dots.map((dot) => `${x(dot.patchBytes!)},${y(dot.smoothedAccuracy)}`).join(" ");
  const circles = dots.map((dot) => {
    const isChosen = dot === report.chosen;
    return `<circle cx="${x(dot.patchBytes!)}" cy="${y(dot.accuracy)}" r="${isChosen ? 7 : 5}" class="${isChosen ? "chosen" : "tried"}"><title>${dot.patchBytes} B, ${percent(dot.accuracy)}</title></circle>`;
  });
  const level = (accuracy: number, text: string, name: string, rise: number): string =>
    `<path class="${name}" d="M${MARGIN.left} ${y(accuracy)}H${right}"/><text x="${right}" y="${y(accuracy) - rise}" text-anchor="end">${text} ${percent(accuracy)}</text>`;
  const upright = ([bytes, text]: readonly [number, string]): string =>
    `<path class="mark" d="M${x(bytes)} ${MARGIN.top}V${bottom}"/><text transform="translate(${x(bytes) - 5} ${bottom - 8}) rotate(-90)">${text}, ${bytes} B</text>`;
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((part) => {
    const bytes = Math.round(part * most);
    return `<text x="${x(bytes)}" y="${bottom + 16}" text-anchor="middle">${bytes} B</text><text x="${x(bytes)}" y="${bottom + 30}" text-anchor="middle">${percent(bytes / newBytes)}</text>`;
  });
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Accuracy against bytes of the patch">
<path class="axis" d="M${MARGIN.left} ${MARGIN.top}V${bottom}H${right}"/>
${marks.map(upright).join("\n")}
${level(report.plainAccuracy, "rounded as ever", "plain", 5)}
${level(floor, "least allowed", "floor", -14)}
<polyline points="${line}"/>
${circles.join("\n")}
${ticks.join("")}
<text x="${MARGIN.left - 6}" y="${y(Math.max(...accuracies)) + 4}" text-anchor="end">${percent(Math.max(...accuracies))}</text>
<text x="${MARGIN.left - 6}" y="${y(Math.min(...accuracies)) + 4}" text-anchor="end">${percent(Math.min(...accuracies))}</text>
</svg>`;
}

function curveTable({ report, newBytes }: CurvePage): string {
  const loss = ({ accuracy }: UpdatePoint): string => points(100 * (report.plainAccuracy - accuracy));
  return table(
    ["", "patch", "share", "weights changed", report.measure, "points lost", "change that arrives"],
    report.curve.map((point) => [
      point === report.chosen ? (report.withinLoss ? "chosen" : "best, refused") : "",
      point.patchBytes === undefined ? "-" : `${point.patchBytes} B`,
      point.patchBytes === undefined ? "-" : percent(point.patchBytes / newBytes),
      percent(point.changedShare),
      percent(point.accuracy),
      loss(point),
      percent(point.fidelity),
    ]),
  );
}

function classTable({ perClass }: UpdateReport): string {
  const rows = Object.entries(perClass).map(([name, { plain, update, samples }]) => [
    name,
    String(samples),
    plain === null ? "-" : percent(plain),
    update === null ? "-" : percent(update),
    plain === null || update === null ? "-" : points(100 * (update - plain)),
  ]);
  return table(["class", "samples", "rounded as ever", "update", "points"], rows);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (kind: "th" | "td", row: readonly string[]): string =>
    `<tr${/^(chosen|best)/.test(row[0]!) ? ' class="best"' : ""}>${row.map((cell) => `<${kind}>${escapeHtml(cell)}</${kind}>`).join("")}</tr>`;
  return `<div class="scroll"><table><thead>${cells("th", head)}</thead><tbody>${rows.map((row) => cells("td", row)).join("")}</tbody></table></div>`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}

function points(value: number): string {
  return value.toFixed(2);
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2330; --soft: #5d6776; --paper: #fff; --bar: #2f6fde; --line: #dde3ec; --good: #137547; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ecf3; --soft: #9aa6b8; --paper: #12161d; --bar: #6b9cff; --line: #2a3342; --good: #5bd49a; --bad: #ff8a80; } }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { font-size: 1.6rem; overflow-wrap: anywhere; } h1 span { color: var(--soft); font-weight: 400; } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
svg { width: 100%; max-width: 52rem; height: auto; } svg text { fill: var(--soft); font-size: 11px; paint-order: stroke; stroke: var(--paper); stroke-width: 4px; }
.axis { fill: none; stroke: var(--soft); } .plain { stroke: var(--good); } .floor { stroke: var(--bad); stroke-dasharray: 4 4; }
.mark { stroke: var(--line); stroke-width: 2; } polyline { fill: none; stroke: var(--bar); stroke-width: 1.5; }
circle { stroke: var(--bar); stroke-width: 2; fill: var(--paper); } circle.chosen { fill: var(--bar); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .3rem .5rem; border-bottom: 1px solid var(--line); } th { color: var(--soft); font-weight: 500; }
th:first-child, td:first-child { text-align: left; } tr.best td { color: var(--good); font-weight: 600; }
`;
