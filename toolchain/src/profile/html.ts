import { arenaPicture } from "./arena-picture.js";
import { escapeHtml } from "./escape-html.js";
import { briefName } from "./over.js";
import { htmlPage } from "./page.js";
import type { LayerProfile, ProfileReport } from "./report.js";
import { bytes, describeOver, fromMicro, renderWay } from "./terminal.js";
import type { Way } from "./ways.js";

/** One file, nothing loaded from anywhere: it can be mailed. */
export function renderHtml(report: ProfileReport, ways: readonly Way[] = []): string {
  const facts: [string, string][] = [
    ["RAM", bytes(report.ramBytes)],
    ["flash", bytes(report.flashBytes)],
    ["latency", fromMicro(report.latencyUs, "s")],
    ["worst case", fromMicro(report.worstCaseLatencyUs, "s")],
    ...(report.energyUj === null ? [] : [["energy", fromMicro(report.energyUj, "J")] as [string, string]]),
    ...(report.batteryDays === null
      ? []
      : [["battery", `${report.batteryDays.toFixed(1)} days`] as [string, string]]),
  ];
  const verdict = report.fits
    ? `<p class="verdict good">Within the budget.</p>`
    : `<ul class="verdict bad">${report.over.map((each) => `<li>${escapeHtml(describeOver(each))}</li>`).join("")}</ul>${ways.map((way) => `<p>${escapeHtml(renderWay(way))}</p>`).join("")}`;
  return htmlPage(
    `${report.model} on ${report.target}`,
    STYLE,
    `<h1>${escapeHtml(report.model)} <span>on ${escapeHtml(report.target)}</span></h1>
${verdict}
<dl>${facts.map(([name, value]) => `<div><dt>${name}</dt><dd>${escapeHtml(value)}</dd></div>`).join("")}</dl>
<h2>Time per layer</h2>
${bars(
  report.layers,
  (layer) => layer.latencyUs,
  (value) => fromMicro(value, "s"),
)}
<h2>Parameters per layer</h2>
${bars(report.layers, (layer) => layer.paramBytes, bytes)}
${report.plan === undefined ? "" : `<h2>Arena over time</h2>\n${arenaPicture(report.plan)}`}
<h2>Flash</h2>
${stack(report.flashParts)}
<h2>RAM</h2>
${stack(report.ramParts)}
<h2>How these numbers came about</h2>
<ul>${report.basis.map((line) => `<li>${escapeHtml(line)}</li>`).join("")}</ul>`,
  );
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2330; --soft: #5d6776; --paper: #fff; --bar: #2f6fde; --line: #dde3ec; --good: #137547; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ecf3; --soft: #9aa6b8; --paper: #12161d; --bar: #6b9cff; --line: #2a3342; --good: #5bd49a; --bad: #ff8a80; } }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { font-size: 1.6rem; } h1 span { color: var(--soft); font-weight: 400; } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
dl { display: flex; flex-wrap: wrap; gap: .75rem; } dl div { border: 1px solid var(--line); border-radius: .5rem; padding: .6rem 1rem; min-width: 6rem; }
dt { color: var(--soft); font-size: .8rem; } dd { margin: 0; font-size: 1.25rem; font-variant-numeric: tabular-nums; }
.verdict.good { color: var(--good); } .verdict.bad { color: var(--bad); }
svg { width: 100%; height: auto; display: block; } svg text { fill: var(--ink); font: 11px system-ui, sans-serif; } svg .soft { fill: var(--soft); }
`;

const CHART_WIDTH = 900;
const LABEL_WIDTH = 260;
const ROW_HEIGHT = 18;

function bars(
  layers: readonly LayerProfile[],
  value: (layer: LayerProfile) => number,
  show: (value: number) => string,
): string {
  const most = Math.max(...layers.map(value), Number.MIN_VALUE);
  const room = CHART_WIDTH - LABEL_WIDTH - 90;
  const rows = layers.map((layer, index) => {
    const y = index * ROW_HEIGHT;
    const width = Math.max(1, (value(layer) / most) * room);
    return `<text x="${LABEL_WIDTH - 8}" y="${y + 13}" text-anchor="end">${escapeHtml(`${layer.kind} ${briefName(layer.name)}`.slice(0, 42))}</text><rect x="${LABEL_WIDTH}" y="${y + 3}" width="${width.toFixed(1)}" height="${ROW_HEIGHT - 6}" rx="2" fill="var(--bar)"/><text class="soft" x="${(LABEL_WIDTH + width + 6).toFixed(1)}" y="${y + 13}">${escapeHtml(show(value(layer)))}</text>`;
  });
  return `<svg viewBox="0 0 ${CHART_WIDTH} ${layers.length * ROW_HEIGHT}" role="img">${rows.join("")}</svg>`;
}

function stack(parts: Readonly<Record<string, number>>): string {
  const total = Object.values(parts).reduce((a, b) => a + b, 0);
  let x = 0;
  const pieces = Object.entries(parts).map(([name, value], index) => {
    const width = (value / Math.max(1, total)) * CHART_WIDTH;
    const piece = `<rect x="${x.toFixed(1)}" y="0" width="${width.toFixed(1)}" height="24" fill="var(--bar)" fill-opacity="${(1 - 0.18 * index).toFixed(2)}"><title>${escapeHtml(name)}: ${bytes(value)}</title></rect>`;
    x += width;
    return piece;
  });
  const legend = Object.entries(parts)
    .map(([name, value]) => `${escapeHtml(name)} ${bytes(value)}`)
    .join(" · ");
  return `<svg viewBox="0 0 ${CHART_WIDTH} 44" role="img">${pieces.join("")}<text class="soft" x="0" y="40">${legend}</text></svg>`;
}
