/**
 * Colours are paired with words everywhere. The eight release colours keep a contrast of at least 3:1 against both
 * backgrounds.
 */
export const STYLE = `
:root {
  color-scheme: light;
  --ground: #f6f7f9; --card: #ffffff; --ink: #1a1f28; --soft: #5a6474; --line: #d9dee6; --accent: #2a78d6;
  --good: #0f7d43; --bad: #c0262d; --wait: #8a6100; --idle: #8b94a3;
}
@media (prefers-color-scheme: dark) { :root:not([data-theme=light]) {
  color-scheme: dark;
  --ground: #12151b; --card: #1b2029; --ink: #e7eaf0; --soft: #9aa5b5; --line: #313946; --accent: #6aa9f4;
  --good: #4cc88a; --bad: #ff7a7f; --wait: #e6b450; --idle: #6d7786;
} }
:root[data-theme=dark] {
  color-scheme: dark;
  --ground: #12151b; --card: #1b2029; --ink: #e7eaf0; --soft: #9aa5b5; --line: #313946; --accent: #6aa9f4;
  --good: #4cc88a; --bad: #ff7a7f; --wait: #e6b450; --idle: #6d7786;
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
.top { display: flex; align-items: center; gap: 12px; padding: 10px 20px; background: var(--card); border-bottom: 1px solid var(--line); position: sticky; top: 0; z-index: 1; }
.top h1 { font-size: 18px; margin: 0; letter-spacing: .02em; }
.space { flex: 1; }
#connection { font-size: 13px; color: var(--soft); }
#connection::before { content: "●"; margin-right: 5px; color: var(--idle); }
#connection.live::before { color: var(--good); }
#connection.lost::before { color: var(--bad); }
main { max-width: 1240px; margin: 0 auto; padding: 8px 20px 60px; display: grid; gap: 20px; grid-template-columns: repeat(12, 1fr); }
main > * { grid-column: span 12; min-width: 0; }
#message:empty { display: none; }
@media (min-width: 960px) {
  .left { grid-column: span 7; }
  .right { grid-column: span 5; }
}
h2 { font-size: 14px; margin: 12px 0 8px; color: var(--soft); font-weight: 600; }
h3 { font-size: 16px; margin: 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); gap: 12px; }
.tile, article, figure, #releases > *, #trust { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.tile { padding: 12px 16px; }
.tile strong { display: block; font-size: 28px; line-height: 1.2; font-variant-numeric: tabular-nums; }
.tile span, .note { color: var(--soft); font-size: 13px; }
figure { margin: 12px 0 0; padding: 12px 16px; }
figcaption { font-size: 13px; color: var(--soft); margin-bottom: 6px; }
.stack { display: flex; height: 14px; border-radius: 7px; overflow: hidden; background: var(--line); gap: 2px; }
.stack span { transition: flex-grow .5s; flex-basis: 0; min-width: 0; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; list-style: none; margin: 8px 0 0; padding: 0; font-size: 13px; }
i.v { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin-right: 6px; vertical-align: -1px; }
.v-none { --v: #8b94a3; } .v-0 { --v: #7a5bd0; } .v-1 { --v: #2a78d6; } .v-2 { --v: #0f8a6d; } .v-3 { --v: #d0562a; }
.v-4 { --v: #b0439a; } .v-5 { --v: #7d8500; } .v-6 { --v: #a2643a; } .v-7 { --v: #3b8ea5; }
.v { background: var(--v); }
article { padding: 14px 16px; margin-bottom: 14px; }
article header { display: flex; align-items: center; gap: 10px; flex-wrap: wrap; }
article header code { color: var(--soft); font-size: 12px; margin-left: auto; }
.reason { margin: 6px 0 10px; }
.badge { font-size: 12px; font-weight: 600; padding: 1px 8px; border-radius: 9px; border: 1px solid currentcolor; color: var(--soft); white-space: nowrap; }
.badge.is-running, .badge.is-installing, .badge.is-soaking { color: var(--accent); }
.badge.is-completed, .badge.is-passed, .badge.is-advance { color: var(--good); }
.badge.is-rolling-back, .badge.is-rolled-back, .badge.is-stopped, .badge.is-stop, .badge.is-aborted { color: var(--bad); }
.badge.is-held, .badge.is-paused, .badge.is-awaiting-approval, .badge.is-undecided { color: var(--wait); }
.head { display: flex; align-items: center; gap: 12px; } .head button { margin-left: auto; }
#alerts ul { list-style: none; margin: 0; padding: 0; display: grid; gap: 6px; }
.alert { background: var(--card); border: 1px solid var(--line); border-left: 5px solid var(--wait); border-radius: 8px; padding: 7px 12px; font-size: 14px; }
.alert.is-bad { border-left-color: var(--bad); }
.fields { display: grid; grid-template-columns: repeat(auto-fit, minmax(210px, 1fr)); gap: 2px 16px; }
#devices-filter { display: flex; gap: 8px; margin-bottom: 8px; }
button.link { border: 0; background: none; padding: 0; text-decoration: underline; text-underline-offset: 3px; color: inherit; }
.line { padding-left: 20px; }
.waves { list-style: none; margin: 0; padding: 0; display: grid; gap: 10px; }
.wave { border-left: 3px solid var(--line); padding-left: 12px; }
.wave[aria-current] { border-color: var(--accent); }
.wave.is-stopped { border-color: var(--bad); }
.wave-head { display: flex; gap: 8px; align-items: center; margin-bottom: 4px; }
.wave p { margin: 3px 0; }
.confirmed { background: var(--good); } .failed { background: var(--bad); } .pending { background: var(--line); }
.gates { list-style: none; margin: 6px 0 0; padding: 0; display: grid; gap: 5px; }
.gate { display: grid; grid-template-columns: 118px 84px 90px 1fr; gap: 8px; align-items: center; font-size: 13px; }
.gate .badge { justify-self: start; }
.gate .note { grid-column: 4; }
.scale { position: relative; height: 12px; border-bottom: 1px solid var(--idle); grid-column: 3; }
.scale i { position: absolute; bottom: -4px; }
.scale .zero { left: 50%; width: 1px; height: 8px; background: var(--idle); }
.scale .margin { left: 75%; width: 2px; height: 12px; background: var(--bad); }
.scale .dot { width: 9px; height: 9px; margin-left: -5px; border-radius: 50%; background: var(--ink); transition: left .5s; }
.history { font-size: 13px; padding-left: 0; list-style: none; color: var(--soft); }
.history time { font-variant-numeric: tabular-nums; }
details summary { cursor: pointer; color: var(--soft); font-size: 13px; margin-top: 8px; }
.older { list-style: none; padding: 0; font-size: 13px; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(104px, 1fr)); gap: 6px; max-height: 420px; overflow: auto; padding: 2px; }
.device { text-align: left; border: 1px solid var(--line); border-left: 5px solid var(--v); background: var(--card); color: var(--ink); border-radius: 6px; padding: 5px 8px; font: inherit; font-size: 12px; cursor: pointer; transition: border-color .6s; display: block; overflow: hidden; }
.device b { display: block; font-weight: 600; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.device span { color: var(--soft); }
.device.offline { opacity: .62; border-style: dashed; border-left-style: solid; }
.device.revoked b { text-decoration: line-through; }
.scroll { overflow-x: auto; }
#trust .scroll { margin: 0 -14px; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { text-align: left; padding: 6px 10px; border-bottom: 1px solid var(--line); white-space: nowrap; }
tr:last-child td { border-bottom: 0; }
th { color: var(--soft); font-weight: 600; }
#trust { padding: 4px 14px 10px; font-size: 13px; }
.warning { color: var(--bad); }
button { font: inherit; font-size: 13px; border: 1px solid var(--line); background: var(--card); color: var(--ink); border-radius: 7px; padding: 4px 12px; cursor: pointer; }
button:hover { border-color: var(--accent); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.actions { display: flex; gap: 8px; margin: 12px 0 0; }
dialog { border: 1px solid var(--line); border-radius: 12px; background: var(--card); color: var(--ink); max-width: min(820px, 94vw); padding: 18px 22px; }
dialog::backdrop { background: rgb(0 0 0 / .45); }
dialog h3 { margin: 14px 0 4px; }
dialog .close { float: right; }
label { display: block; margin: 8px 0; }
input:not([type=checkbox]), select { width: 100%; font: inherit; padding: 6px 9px; border: 1px solid var(--line); border-radius: 7px; background: var(--ground); color: var(--ink); }
@media (max-width: 640px) {
  main { padding: 4px 12px 40px; }
  .gate { grid-template-columns: auto 1fr; } .gate .note, .scale { grid-column: 1 / -1; }
}
@media (prefers-reduced-motion: reduce) { * { transition: none !important; } }
`;
