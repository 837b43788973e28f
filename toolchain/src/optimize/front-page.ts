import { escapeHtml } from "../profile/escape-html.js";
import { htmlPage } from "../profile/page.js";
import { bytes, fromMicro } from "../profile/terminal.js";
import type { Candidate } from "./search.js";

const WIDTH = 640;
const HEIGHT = 320;
const MARGIN = { left: 64, right: 24, top: 16, bottom: 44 };

export interface FrontPage {
  readonly model: string;
  readonly target: string;
  readonly samples: number;
  readonly candidates: readonly Omit<Candidate, "float" | "quantized">[];
  /** Sparsity of the model that was chosen. */
  readonly best: number | null;
}

/** One file, nothing loaded from anywhere: accuracy against latency, a dot per candidate, and the numbers below. */
export function renderFront(page: FrontPage): string {
  const title = `${page.model} for ${page.target}`;
  return htmlPage(
    title,
    STYLE,
    `<h1>${escapeHtml(page.model)} <span>for ${escapeHtml(page.target)}</span></h1>
<p>${page.candidates.length} candidates; accuracy on ${page.samples} samples that training did not see. Filled: within the budget. Joined: the Pareto front.</p>
${chart(page)}
${table(page)}`,
  );
}

function chart({ candidates, best }: FrontPage): string {
  const x = axis(
    candidates.map(({ latencyUs }) => latencyUs),
    MARGIN.left,
    WIDTH - MARGIN.right,
  );
  const y = axis(
    candidates.map(({ accuracy }) => accuracy),
    HEIGHT - MARGIN.bottom,
    MARGIN.top,
  );
  const front = candidates.filter(({ onFront }) => onFront).sort((a, b) => a.latencyUs - b.latencyUs);
  const line = front.map((each) => `${x.at(each.latencyUs)},${y.at(each.accuracy)}`).join(" ");
  const dots = candidates.map((each) => {
    const [cx, cy] = [x.at(each.latencyUs), y.at(each.accuracy)];
    const name = `sparsity ${each.sparsity}${each.sparsity === best ? ", chosen" : ""}`;
    return `<circle cx="${cx}" cy="${cy}" r="6" class="${each.fits ? "fits" : "over"}"><title>${name}</title></circle><text x="${cx + 9}" y="${cy + 4}">${name}</text>`;
  });
  const bottom = HEIGHT - MARGIN.bottom;
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Accuracy against latency">
<path class="axis" d="M${MARGIN.left} ${MARGIN.top}V${bottom}H${WIDTH - MARGIN.right}"/>
<polyline points="${line}"/>
${dots.join("\n")}
<text x="${MARGIN.left}" y="${bottom + 18}">${fromMicro(x.low, "s")}</text>
<text x="${WIDTH - MARGIN.right}" y="${bottom + 18}" text-anchor="end">${fromMicro(x.high, "s")}</text>
<text x="${WIDTH / 2}" y="${HEIGHT - 6}" text-anchor="middle">latency</text>
<text x="${MARGIN.left - 6}" y="${bottom}" text-anchor="end">${percent(y.low)}</text>
<text x="${MARGIN.left - 6}" y="${MARGIN.top + 8}" text-anchor="end">${percent(y.high)}</text>
</svg>`;
}

function table({ candidates, best }: FrontPage): string {
  const rows = candidates.map(
    (each) =>
      `<tr${each.sparsity === best ? ' class="best"' : ""}>${[
        String(each.sparsity),
        percent(each.accuracy),
        fromMicro(each.latencyUs, "s"),
        each.energyUj === null ? "not stated" : fromMicro(each.energyUj, "J"),
        bytes(each.ramBytes),
        bytes(each.flashBytes),
        String(each.parameters),
        each.fits ? "yes" : each.over.map(({ limit }) => limit).join(", ") || "accuracy",
      ]
        .map((cell) => `<td>${escapeHtml(cell)}</td>`)
        .join("")}</tr>`,
  );
  const head = [
    "sparsity",
    "accuracy",
    "latency",
    "energy",
    "RAM",
    "flash",
    "parameters",
    "fits, or over in",
  ];
  return `<table><thead><tr>${head.map((cell) => `<th>${cell}</th>`).join("")}</tr></thead><tbody>${rows.join("")}</tbody></table>`;
}

/** A linear scale with a tenth of air at both ends; a single value stands in the middle. */
function axis(
  values: readonly number[],
  from: number,
  to: number,
): { low: number; high: number; at(value: number): number } {
  const least = Math.min(...values);
  const most = Math.max(...values);
  const air = most > least ? (most - least) / 10 : Math.abs(most) / 10 || 1;
  const [low, high] = [least - air, most + air];
  return { low, high, at: (value) => Math.round(from + ((value - low) / (high - low)) * (to - from)) };
}

function percent(share: number): string {
  return `${(Math.min(share, 1) * 100).toFixed(2)} %`;
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2330; --soft: #5d6776; --paper: #fff; --bar: #2f6fde; --line: #dde3ec; --good: #137547; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ecf3; --soft: #9aa6b8; --paper: #12161d; --bar: #6b9cff; --line: #2a3342; --good: #5bd49a; } }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { font-size: 1.6rem; } h1 span { color: var(--soft); font-weight: 400; }
svg { width: 100%; max-width: 48rem; } svg text { fill: var(--soft); font-size: 11px; }
.axis { fill: none; stroke: var(--line); } polyline { fill: none; stroke: var(--bar); stroke-width: 1.5; }
circle { stroke: var(--bar); stroke-width: 2; } circle.fits { fill: var(--bar); } circle.over { fill: var(--paper); }
table { border-collapse: collapse; width: 100%; } th, td { text-align: right; padding: .3rem .5rem; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 500; } tr.best td { color: var(--good); font-weight: 600; }
`;
