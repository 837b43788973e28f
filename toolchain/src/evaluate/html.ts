import { escapeHtml } from "../profile/escape-html.js";
import { htmlPage } from "../profile/page.js";
import type { Evaluation } from "./evaluate.js";
import type { LayerError } from "./layers.js";
import type { SliceScore } from "./slices.js";
import { describeSuspect } from "./terminal.js";

/** One page without scripts, fonts or links to anywhere: it can be mailed and archived. */
export function evaluationHtml(title: string, evaluation: Evaluation): string {
  const { perClass, confusion, slices, layers, suspects } = evaluation;
  const sections = [
    figures(evaluation),
    suspects === undefined ? "" : `<p class="verdict">${escapeHtml(capital(describeSuspect(suspects)))}.</p>`,
    perClass === undefined ? "" : recallChart(evaluation),
    confusion === undefined ? "" : confusionTable(evaluation),
    ...Object.entries(slices ?? {}).map(([name, scores]) => sliceChart(name, scores)),
    layers === undefined ? "" : layerChart(layers),
  ];
  return htmlPage(
    title,
    STYLE,
    `<h1>${escapeHtml(title)}</h1>
${sections.filter((section) => section !== "").join("\n")}`,
  );
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2330; --soft: #5d6776; --paper: #fff; --track: #eef1f6; --line: #dde3ec;
  --bar: #2f6fde; --good: #2e9463; --fair: #c98a12; --poor: #cf4237; --hit: 47, 111, 222; --miss: 207, 66, 55; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ecf3; --soft: #9aa6b8; --paper: #12161d; --track: #1c2330;
  --line: #2a3342; --bar: #6b9cff; --good: #5bd49a; --fair: #e5b454; --poor: #ff8a80; --hit: 107, 156, 255; --miss: 255, 138, 128; } }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { font-size: 1.5rem; overflow-wrap: anywhere; } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
dl { display: flex; flex-wrap: wrap; gap: .75rem; }
dl div { border: 1px solid var(--line); border-radius: .5rem; padding: .6rem 1rem; min-width: 6rem; }
dt { color: var(--soft); font-size: .8rem; } dd { margin: 0; font-size: 1.25rem; font-variant-numeric: tabular-nums; }
.verdict { border-left: 3px solid var(--fair); padding-left: .8rem; overflow-wrap: anywhere; }
.note { color: var(--soft); font-size: .85rem; margin: .2rem 0 .6rem; }
.bars { display: grid; grid-template-columns: minmax(6rem, 18rem) 1fr max-content; gap: .2rem .6rem; align-items: center; }
.bars > span { font-size: .85rem; } .name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; direction: rtl; text-align: right; }
.name bdi { unicode-bidi: isolate; } .figure { color: var(--soft); text-align: right; font-variant-numeric: tabular-nums; }
.track { position: relative; height: .8rem; border-radius: .2rem; background: var(--track); }
.track i { position: absolute; inset: 0 auto 0 0; border-radius: .2rem; background: var(--bar); }
.track b { position: absolute; top: 50%; height: 2px; background: var(--ink); opacity: .55; }
.good i { background: var(--good); } .fair i { background: var(--fair); } .poor i { background: var(--poor); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .85rem; }
td, th { padding: .2rem .55rem; text-align: right; border: 1px solid var(--line); font-weight: normal; }
tr > th:first-child { text-align: left; position: sticky; left: 0; background: var(--paper); }
@media (max-width: 34rem) { .bars { grid-template-columns: 1fr max-content; } .bars .name { grid-column: 1 / -1; margin-top: .3rem; text-align: left; } }
`;

function figures(evaluation: Evaluation): string {
  const { outputSqnrDb } = evaluation;
  const entries = [
    ["samples", String(evaluation.samples)],
    ["accuracy", percent(evaluation.accuracy)],
    ["other model", percent(evaluation.againstAccuracy)],
    ["same answer", percent(evaluation.agreement)],
    ["output SQNR", outputSqnrDb === undefined ? "-" : decibels(outputSqnrDb)],
  ].filter(([, value]) => value !== "-");
  return `<dl>${entries.map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`).join("")}</dl>`;
}

interface Bar {
  readonly label: string;
  /** Length of the bar, 0 to 1. */
  readonly share: number;
  readonly text: string;
  readonly tone?: "good" | "fair" | "poor" | undefined;
  /** A range drawn over the bar, 0 to 1. */
  readonly interval?: readonly [number, number] | undefined;
}

/** Horizontal bars, one to a row, the figure behind each; on a narrow screen the label stands above its bar. */
function barChart(bars: readonly Bar[]): string {
  const rows = bars.map(({ label, share, text, tone, interval }) => {
    const name = escapeHtml(label);
    const line =
      interval === undefined
        ? ""
        : `<b style="left:${width(interval[0])};width:${width(interval[1] - interval[0])}"></b>`;
    return `<span class="name" title="${name}"><bdi>${name}</bdi></span><span class="track ${tone ?? ""}"><i style="width:${width(share)}"></i>${line}</span><span class="figure">${escapeHtml(text)}</span>`;
  });
  return `<div class="bars">${rows.join("\n")}</div>`;
}

function width(share: number): string {
  return `${(100 * Math.max(0, Math.min(1, share))).toFixed(1)}%`;
}

function recallChart({ perClass }: Evaluation): string {
  const bars = Object.entries(perClass ?? {}).map(([label, { recall, samples }]) => ({
    label: `${label} (${samples})`,
    share: recall ?? 0,
    text: percent(recall),
  }));
  return `<h2>Found per class</h2>\n${barChart(bars)}`;
}

function confusionTable({ confusion, perClass }: Evaluation): string {
  const names = Object.keys(perClass ?? {}).map(escapeHtml);
  const rows = confusion!.map((row, truth) => {
    const total = row.reduce((sum, n) => sum + n, 0);
    const cells = row.map((n, said) => {
      // A few errors must be seen beside hundreds of right answers: the root lifts small shares.
      const opacity = total === 0 ? 0 : Math.sqrt(n / total) * 0.8;
      const colour = said === truth ? "var(--hit)" : "var(--miss)";
      return `<td style="background:rgba(${colour},${opacity.toFixed(2)})">${n === 0 ? "" : n}</td>`;
    });
    return `<tr><th>${names[truth]}</th>${cells.join("")}</tr>`;
  });
  return `<h2>Confusion</h2>
<div class="scroll"><table><tr><th>true \\ said</th>${names.map((name) => `<th>${name}</th>`).join("")}</tr>
${rows.join("\n")}</table></div>`;
}

function sliceChart(name: string, scores: Readonly<Record<string, SliceScore>>): string {
  const bars = Object.entries(scores).map(([part, score]): Bar => {
    const { samples, accuracy, agreement, accuracyLow, accuracyHigh, isWorse } = score;
    return {
      label: `${part} (${samples})`,
      share: accuracy ?? agreement ?? 0,
      text: percent(accuracy ?? agreement),
      tone: isWorse === true ? "poor" : undefined,
      interval: accuracyLow === undefined ? undefined : [accuracyLow, accuracyHigh!],
    };
  });
  return `<h2>By ${escapeHtml(name)}</h2>
<p class="note">The line over a bar is the 95 % interval; red is worse than the whole set by more than chance.</p>
${barChart(bars)}`;
}

/** Below this a layer's error is worth a look, above the other it is not. */
const POOR_DB = 20;
const GOOD_DB = 30;
/** A full bar: nothing in eight bits is cleaner. */
const FULL_DB = 60;

function layerChart(layers: readonly LayerError[]): string {
  const bars = layers.map(({ tensor, operator, sqnrDb, lossDb }): Bar => {
    const lost = lossDb < 1 ? "" : ` (-${lossDb.toFixed(0)})`;
    return {
      label: `${operator} ${tensor}`,
      share: sqnrDb === null ? 1 : sqnrDb / FULL_DB,
      text: `${decibels(sqnrDb)}${lost}`,
      tone: sqnrDb === null || sqnrDb >= GOOD_DB ? "good" : sqnrDb >= POOR_DB ? "fair" : "poor",
    };
  });
  return `<h2>Signal over quantization noise, in the order of execution</h2>
<p class="note">In brackets: what the layer itself loses.</p>
${barChart(bars)}`;
}

function decibels(value: number | null): string {
  return value === null ? "exact" : `${value.toFixed(1)} dB`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function percent(share: number | null | undefined): string {
  return share === null || share === undefined ? "-" : `${(100 * share).toFixed(2)} %`;
}
