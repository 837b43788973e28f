/** Things that are drawn: badges, bars, gates, trends, lines of descent. */
export const PARTS = `
.badge { font-size: 12px; font-weight: 650; padding: 1px 9px; border-radius: 10px; border: 1px solid currentcolor; white-space: nowrap; }
i.chip { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin-right: 7px; vertical-align: -1px; background: var(--v); }
.v-none { --v: #808b9a; } .v-0 { --v: #7c5ed4; } .v-1 { --v: #2f7fdc; } .v-2 { --v: #108a6e; } .v-3 { --v: #d0562a; }
.v-4 { --v: #b5489f; } .v-5 { --v: #7b8300; } .v-6 { --v: #a8683d; } .v-7 { --v: #338099; }
.stack { display: flex; height: 16px; border-radius: 8px; overflow: hidden; background: var(--track); gap: 2px; }
.stack span { flex-basis: 0; min-width: 0; transition: flex-grow .5s; background: var(--v); }
.stack .is-good { background: var(--good); } .stack .is-bad { background: var(--bad); } .stack .is-busy { background: var(--busy); }
.stack .is-wait { background: repeating-linear-gradient(45deg, var(--wait) 0 5px, var(--track) 5px 8px); } .stack .is-idle { background: var(--track); }
.legend { display: flex; flex-wrap: wrap; gap: 3px 16px; list-style: none; margin: 7px 0 0; padding: 0; font-size: 13px; }
.legend i { display: inline-block; width: 10px; height: 10px; border-radius: 3px; margin-right: 6px; }
.legend i.is-good { background: var(--good); } .legend i.is-bad { background: var(--bad); } .legend i.is-busy { background: var(--busy); } .legend i.is-wait { background: var(--wait); } .legend i.is-idle { background: var(--idle); }
.waves { list-style: none; margin: 0; padding: 0; display: grid; gap: 12px; grid-template-columns: repeat(auto-fit, minmax(min(250px, 100%), 1fr)); }
.wave { border: 1px solid var(--line); border-top: 4px solid var(--line); border-radius: 10px; padding: 10px 14px; min-width: 0; background: var(--card); }
.wave[aria-current] { border-top-color: var(--busy); box-shadow: 0 0 0 1px var(--busy); } .wave.is-stopped { border-top-color: var(--bad); } .wave.is-passed { border-top-color: var(--good); }
.gate { border-top: 1px solid var(--line); padding: 12px 0; display: grid; gap: 6px; } .gate:first-of-type { border-top: 0; }
.looks { overflow: hidden; display: grid; grid-template-columns: max-content minmax(0, 1fr) max-content; gap: 2px 12px; align-items: center; font-size: 13px; }
.looks .track { position: relative; height: 20px; background: var(--raised); border-radius: 4px; overflow: hidden; }
.track .over { position: absolute; top: 0; bottom: 0; right: 0; background: color-mix(in srgb, var(--bad) 16%, transparent); }
.track .zero, .track .margin { position: absolute; top: 0; bottom: 0; width: 2px; background: var(--idle); } .track .margin { background: var(--bad); }
.track .reach { position: absolute; top: 8px; height: 4px; border-radius: 2px; background: currentcolor; min-width: 2px; }
.track .dot { position: absolute; top: 4px; width: 12px; height: 12px; margin-left: -6px; border-radius: 50%; background: currentcolor; border: 2px solid var(--card); }
.axis { position: relative; height: 18px; font-size: 12px; color: var(--soft); } .axis span { position: absolute; white-space: nowrap; padding-left: 3px; } .axis span:first-child { transform: translateX(-100%); padding: 0 3px 0 0; }
.timeline { list-style: none; margin: 0; padding: 0 0 0 18px; border-left: 2px solid var(--line); display: grid; gap: 10px; font-size: 14px; }
.timeline li { position: relative; overflow-wrap: anywhere; } .timeline li::before { content: ""; position: absolute; left: -24px; top: 7px; width: 10px; height: 10px; border-radius: 50%; background: currentcolor; color: var(--idle); border: 2px solid var(--card); }
.timeline .is-good::before { color: var(--good); } .timeline .is-bad::before { color: var(--bad); } .timeline .is-wait::before { color: var(--wait); } .timeline .is-busy::before { color: var(--busy); }
.timeline time { color: var(--soft); font-size: 13px; margin-right: 8px; font-variant-numeric: tabular-nums; }
.trends { display: grid; gap: 16px; grid-template-columns: repeat(auto-fit, minmax(min(300px, 100%), 1fr)); }
.trend { margin: 0; } .trend figcaption { display: flex; justify-content: space-between; gap: 8px; font-size: 13px; margin-bottom: 4px; }
.trend svg { width: 100%; height: 90px; display: block; background: var(--raised); border-radius: 8px; } .trend path { fill: none; stroke: var(--accent); stroke-width: 2; vector-effect: non-scaling-stroke; } .trend line { stroke: var(--idle); stroke-width: 1.5; stroke-dasharray: 4 3; vector-effect: non-scaling-stroke; } .trend circle { fill: var(--accent); }
.trend .ends { display: flex; justify-content: space-between; font-size: 12px; color: var(--soft); }
.lineage { display: grid; gap: 0; margin: 0; padding: 0; list-style: none; }
.kin { display: grid; grid-template-columns: 26px minmax(0, 1fr); gap: 0 10px; } .kin .rail { position: relative; } .kin .rail::before { content: ""; position: absolute; left: 11px; top: 0; bottom: 0; width: 3px; background: var(--line); } .kin:first-child .rail::before { top: 20px; } .kin:last-child .rail::before { bottom: calc(100% - 24px); } .kin .rail::after { content: ""; position: absolute; left: 4px; top: 15px; width: 17px; height: 17px; border-radius: 50%; background: var(--v); border: 3px solid var(--card); }
.kin .box { border: 1px solid var(--line); border-radius: 10px; padding: 9px 13px; margin: 5px 0; } .kin.is-this .box { border: 2px solid var(--accent); }
.flow { display: flex; flex-wrap: wrap; gap: 4px 8px; align-items: center; font-size: 13px; margin-top: 5px; } .flow > span { border: 1px solid var(--line); border-radius: 7px; padding: 2px 8px; background: var(--raised); overflow-wrap: anywhere; } .flow > b { color: var(--soft); font-weight: 400; }
.split { display: grid; gap: 18px; grid-template-columns: minmax(0, 1fr); } @media (min-width: 980px) { .split { grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); align-items: start; } .split > .aside { position: sticky; top: 72px; } }
.wave-row { display: grid; grid-template-columns: minmax(90px, 1.3fr) minmax(70px, 1fr) minmax(100px, 1.1fr) minmax(80px, 1fr) minmax(70px, 1fr) 40px; gap: 8px; align-items: end; } .wave-row + .wave-row label > span { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.wave-row button { padding: 0; }
.fields > .in-line { grid-column: 1 / -1; display: flex; flex-wrap: wrap; gap: 0 18px; }
@media (max-width: 700px) { .wave-row { grid-template-columns: 1fr 1fr; border-top: 1px solid var(--line); padding-top: 8px; } .wave-row + .wave-row label > span { position: static; width: auto; height: auto; clip-path: none; } .looks { grid-template-columns: minmax(0, 1fr) max-content; } .looks .track, .looks .axis { grid-column: 1 / -1; grid-row: auto; } }
`;
