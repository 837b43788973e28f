import type { Evaluation, LayerError } from "./evaluate.js";

/** One page without scripts, fonts or links to anywhere: it can be mailed and archived. */
export function evaluationHtml(title: string, evaluation: Evaluation): string {
  const sections = [
    summary(evaluation),
    evaluation.perClass === undefined ? "" : recallChart(evaluation),
    evaluation.confusion === undefined ? "" : confusionTable(evaluation),
    evaluation.layers === undefined ? "" : layerChart(evaluation.layers),
  ];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(title)}</title>
<style>${STYLE}</style></head>
<body><h1>${escapeHtml(title)}</h1>
${sections.filter((section) => section !== "").join("\n")}
</body></html>
`;
}

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1c2430; }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
td, th { padding: .2rem .6rem; text-align: right; border: 1px solid #e3e7ee; font-weight: normal }
.figures { display: flex; gap: 2.5rem } .figures b { display: block; font-size: 1.6rem }
svg text { font: 12px system-ui, sans-serif; fill: #1c2430 }
@media (prefers-color-scheme: dark) { body { background: #14181f; color: #dde3ec } td, th { border-color: #2b3340 }
svg text { fill: #dde3ec } }`;

function summary(evaluation: Evaluation): string {
  const figures = [
    ["samples", String(evaluation.samples)],
    ["accuracy", percent(evaluation.accuracy)],
    ["other model", percent(evaluation.againstAccuracy)],
    ["same answer", percent(evaluation.agreement)],
  ].filter(([, value]) => value !== "-");
  return `<p class="figures">${figures.map(([name, value]) => `<span><b>${value}</b>${name}</span>`).join("")}</p>`;
}

interface Bar {
  readonly label: string;
  readonly share: number;
  readonly text: string;
  readonly colour: string;
}

const ROW = 22;
const LABEL = 260;
const WIDTH = 420;

/** Horizontal bars, one to a row, with the figure behind each. */
function barChart(bars: readonly Bar[]): string {
  const rows = bars.map(({ label, share, text, colour }, i) => {
    const y = i * ROW;
    const length = Math.max(0, Math.min(1, share)) * WIDTH;
    return `<text x="${LABEL - 8}" y="${y + 15}" text-anchor="end">${escapeHtml(shorten(label))}</text>
<rect x="${LABEL}" y="${y + 3}" width="${length.toFixed(1)}" height="${ROW - 6}" rx="2" fill="${colour}"><title>${escapeHtml(label)}</title></rect>
<text x="${(LABEL + length + 6).toFixed(1)}" y="${y + 15}">${text}</text>`;
  });
  return `<svg width="${LABEL + WIDTH + 90}" height="${bars.length * ROW}" role="img">${rows.join("\n")}</svg>`;
}

function recallChart({ perClass }: Evaluation): string {
  const bars = Object.entries(perClass ?? {}).map(([label, { recall, samples }]) => ({
    label: `${label} (${samples})`,
    share: recall ?? 0,
    text: percent(recall),
    colour: "#3a76d8",
  }));
  return `<h2>Found per class</h2>\n${barChart(bars)}`;
}

function confusionTable({ confusion, perClass }: Evaluation): string {
  const names = Object.keys(perClass ?? {}).map(escapeHtml);
  const rows = confusion!.map((row, truth) => {
    const total = row.reduce((sum, n) => sum + n, 0);
    const cells = row.map((n, said) => {
      const opacity = total === 0 ? 0 : n / total;
      // A few errors must be seen beside hundreds of right answers: the root lifts small shares.
      const colour = said === truth ? "58,118,216" : "214,72,72";
      return `<td style="background:rgba(${colour},${Math.sqrt(opacity).toFixed(2)})">${n === 0 ? "" : n}</td>`;
    });
    return `<tr><th>${names[truth]}</th>${cells.join("")}</tr>`;
  });
  return `<h2>Confusion</h2>
<table><tr><th>true \\ said</th>${names.map((name) => `<th>${name}</th>`).join("")}</tr>
${rows.join("\n")}</table>`;
}

/** Below this a layer's error is worth a look, above the other it is not. */
const POOR_DB = 20;
const GOOD_DB = 30;

function layerChart(layers: readonly LayerError[]): string {
  const bars = layers.map(({ tensor, operator, sqnrDb }) => ({
    label: `${tensor} ${operator}`,
    share: sqnrDb === null ? 1 : sqnrDb / 60,
    text: sqnrDb === null ? "exact" : `${sqnrDb.toFixed(1)} dB`,
    colour: sqnrDb === null || sqnrDb >= GOOD_DB ? "#3a9a68" : sqnrDb >= POOR_DB ? "#d49a2a" : "#d64848",
  }));
  return `<h2>Signal over quantization noise, in the order of execution</h2>\n${barChart(bars)}`;
}

function shorten(label: string): string {
  return label.length > 38 ? `…${label.slice(-37)}` : label;
}

function percent(share: number | null | undefined): string {
  return share === null || share === undefined ? "-" : `${(100 * share).toFixed(2)} %`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
}
