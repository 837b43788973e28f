/**
 * Colours are paired with words everywhere. Text has a contrast of at least 4.5:1 on its ground (axe checks it in the
 * tests), what is drawn at least 3:1.
 */
const DARK = `
  color-scheme: dark;
  --ground: #10141b; --card: #191f29; --raised: #222a36; --ink: #e9edf3; --soft: #a4b0c0; --line: #333d4c; --accent: #7ab4fa;
  --onaccent: #0b1320; --good: #4fce8f; --bad: #ff8b8f; --wait: #ecbd5b; --busy: #7ab4fa; --idle: #a4b0c0; --track: #313b49;`;

export const BASE = `
:root {
  color-scheme: light;
  --ground: #f4f6f9; --card: #ffffff; --raised: #eef2f7; --ink: #18202b; --soft: #536072; --line: #d5dce6; --accent: #1c64c0;
  --onaccent: #ffffff; --good: #0b7440; --bad: #b91f27; --wait: #7d5800; --busy: #1c64c0; --idle: #536072; --track: #e0e6ee;
  --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
}
@media (prefers-color-scheme: dark) { :root:not([data-theme=light]) {${DARK} } }
:root[data-theme=dark] {${DARK} }
* { box-sizing: border-box; }
html { scroll-padding-top: 70px; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 23px; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
h1:focus { outline: none; }
h2 { font-size: 16px; line-height: 1.3; margin: 0; }
h3 { font-size: 15px; margin: 0; }
p { margin: 6px 0; }
a { color: var(--accent); text-underline-offset: 3px; }
code { font-family: var(--mono); font-size: .9em; overflow-wrap: anywhere; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
.soft { color: var(--soft); } .small { font-size: 13px; } .strong { font-weight: 650; } .nowrap { white-space: nowrap; }
.number { font-variant-numeric: tabular-nums; }
.tone-good { color: var(--good); } .tone-bad { color: var(--bad); } .tone-wait { color: var(--wait); }
.tone-busy { color: var(--busy); } .tone-idle { color: var(--idle); }
.sr { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
button, .button { font: inherit; font-size: 14px; border: 1px solid var(--line); background: var(--card); color: var(--ink); border-radius: 8px; padding: 6px 14px; cursor: pointer; text-decoration: none; display: inline-block; min-height: 36px; }
button:hover:not(:disabled), .button:hover { border-color: var(--accent); }
button:disabled { color: var(--soft); cursor: not-allowed; border-style: dashed; }
.primary { background: var(--accent); border-color: var(--accent); color: var(--onaccent); font-weight: 600; }
.primary:disabled { background: var(--raised); color: var(--soft); border-color: var(--line); }
.danger { border-color: var(--bad); color: var(--bad); }
button.danger.primary { background: var(--bad); color: var(--card); }
.plain { border: 0; background: none; padding: 4px 6px; color: var(--accent); text-decoration: underline; text-underline-offset: 3px; }
label { display: block; font-size: 14px; }
label.check, label.radio { display: flex; gap: 9px; align-items: baseline; margin: 6px 0; font-size: 15px; }
input:not([type=checkbox]):not([type=radio]), select, textarea { width: 100%; font: inherit; min-height: 36px; padding: 5px 9px; border: 1px solid var(--idle); border-radius: 8px; background: var(--card); color: var(--ink); margin-top: 2px; }
input[type=checkbox], input[type=radio] { accent-color: var(--accent); width: 17px; height: 17px; flex: none; transform: translateY(3px); }
::placeholder { color: var(--soft); opacity: 1; }
fieldset { border: 0; margin: 0; padding: 0; min-width: 0; }
fieldset.card > legend { float: left; width: 100%; } fieldset.card > legend + * { clear: both; }
legend { padding: 0; font-weight: 650; margin-bottom: 4px; }
summary { cursor: pointer; color: var(--accent); font-size: 14px; padding: 4px 0; }
dialog { border: 1px solid var(--line); border-radius: 14px; background: var(--card); color: var(--ink); width: min(560px, calc(100vw - 24px)); padding: 20px 24px; }
dialog::backdrop { background: rgb(0 0 0 / .5); }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { text-align: left; padding: 8px 12px; border-bottom: 1px solid var(--line); vertical-align: top; }
tbody tr:last-child > * { border-bottom: 0; }
thead th { color: var(--soft); font-weight: 600; font-size: 13px; white-space: nowrap; }
td.number, th.number { text-align: right; }
kbd { font: 12px var(--mono); border: 1px solid var(--idle); border-radius: 5px; padding: 1px 6px; background: var(--raised); }
@media (prefers-reduced-motion: reduce) { *, *::before, *::after { transition: none !important; animation: none !important; } }
`;
