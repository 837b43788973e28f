/** Where things stand: header, page, cards, lists; and how they fold on a phone. */
export const LAYOUT = `
.skip { position: absolute; left: 8px; top: -60px; z-index: 5; background: var(--accent); color: var(--onaccent); padding: 8px 14px; border-radius: 8px; }
.skip:focus { top: 8px; }
.top { background: var(--card); border-bottom: 1px solid var(--line); position: sticky; top: 0; z-index: 3; }
.bar { max-width: 1280px; margin: 0 auto; padding: 8px 20px; display: flex; align-items: center; gap: 8px 18px; flex-wrap: wrap; }
.brand { font-size: 18px; font-weight: 700; color: var(--ink); text-decoration: none; display: flex; align-items: center; gap: 8px; }
.brand::before { content: ""; width: 12px; height: 12px; border-radius: 50%; background: var(--accent); }
.bar nav { display: flex; gap: 2px; flex-wrap: wrap; flex: 1; }
.bar nav a { color: var(--soft); text-decoration: none; padding: 5px 10px; border-radius: 8px; font-size: 14px; white-space: nowrap; }
.bar nav a:hover { color: var(--ink); background: var(--raised); }
.bar nav a[aria-current] { color: var(--ink); background: var(--raised); font-weight: 650; }
.bar nav .badge-count { margin-left: 6px; }
.badge-count { background: var(--bad); color: var(--card); border-radius: 9px; font-size: 12px; font-weight: 700; padding: 0 7px; }
.who { display: flex; gap: 6px 10px; align-items: center; font-size: 13px; color: var(--soft); }
.connection::before { content: "●"; margin-right: 5px; color: var(--idle); }
.connection.is-live::before { color: var(--good); } .connection.is-lost::before { color: var(--bad); }
main { max-width: 1280px; margin: 0 auto; padding: 20px 20px 80px; display: grid; gap: 18px; }
main > * { min-width: 0; }
.title { display: flex; gap: 8px 14px; align-items: center; flex-wrap: wrap; }
.title .actions { margin-left: auto; }
.crumb { font-size: 13px; margin: 0; }
.actions { display: flex; gap: 8px; flex-wrap: wrap; align-items: center; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 16px 18px; min-width: 0; }
.card > h2:first-child, .card > .head:first-child { margin-bottom: 10px; }
.card.is-flush { padding: 4px 0; overflow: hidden; } .card.is-flush > h2 { padding: 12px 18px 4px; } .card.is-flush > .pager, .card.is-flush > p { padding: 4px 18px 10px; }
.head { display: flex; gap: 6px 12px; align-items: center; flex-wrap: wrap; } .head .end { margin-left: auto; }
.columns { display: grid; gap: 18px; grid-template-columns: minmax(0, 1fr); } .columns > * { min-width: 0; } .columns > div { display: grid; gap: 18px; align-content: start; } .columns > section:not(.card) > * + * { margin-top: 10px; }
@media (min-width: 980px) { .columns { grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); } .columns.is-even { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); } }
.plainlist { list-style: none; margin: 0; padding: 0; display: grid; gap: 8px; } section > h2 + .plainlist { margin-top: 8px; }
.facts { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 5px 16px; margin: 0; font-size: 14px; }
.facts dt { color: var(--soft); } .facts dd { margin: 0; overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 12px 16px; color: inherit; text-decoration: none; }
a.tile:hover { border-color: var(--accent); }
.tile strong { display: block; font-size: 28px; line-height: 1.2; font-variant-numeric: tabular-nums; }
.fields { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(200px, 100%), 1fr)); gap: 10px 16px; align-items: end; } .fields > fieldset { align-self: start; } .fields > fieldset > legend { font-weight: 400; margin: 0; }
.filter { display: flex; flex-wrap: wrap; gap: 10px; align-items: end; } .filter > label { flex: 1 1 150px; }
.pager { display: flex; gap: 10px; align-items: center; flex-wrap: wrap; }
.notice { border: 1px solid var(--line); border-left: 5px solid var(--idle); border-radius: 10px; background: var(--card); padding: 10px 14px; font-size: 14px; overflow-wrap: anywhere; }
.notice.is-bad { border-left-color: var(--bad); } .notice.is-wait { border-left-color: var(--wait); } .notice.is-good { border-left-color: var(--good); }
.notice .actions { margin-top: 6px; } .notice + .notice, .card .notice { margin-top: 8px; } .card > p.actions, form > p.actions, .aside > .actions { margin-top: 14px; }
.scroll { overflow-x: auto; }
.secret { font: 14px var(--mono); background: var(--raised); padding: 8px 12px; border-radius: 8px; overflow-wrap: anywhere; user-select: all; }
.empty { color: var(--soft); padding: 18px; text-align: center; }
@media (max-width: 700px) {
  .bar { padding: 8px 12px; } main { padding: 14px 12px 60px; }
  .bar nav { order: 3; flex-basis: 100%; flex-wrap: nowrap; overflow-x: auto; margin: 0 -12px; padding: 2px 12px 4px; scrollbar-width: none; }
  .who { margin-left: auto; } .who .word { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .title .actions { margin-left: 0; width: 100%; }
  .is-folding thead { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }
  .is-folding, .is-folding tbody, .is-folding tr, .is-folding td, .is-folding th[scope=row] { display: block; }
  .is-folding tr { padding: 10px 14px; border-bottom: 1px solid var(--line); }
  .is-folding tr:last-child { border-bottom: 0; }
  .is-folding td, .is-folding th[scope=row] { border: 0; padding: 2px 0; text-align: left; } .is-folding td { display: inline-block; margin-right: 14px; max-width: 100%; }
  .is-folding td[data-head]::before { content: attr(data-head) ": "; color: var(--soft); }
  .is-folding td:empty { display: none; }
}
`;
