import type { GateEvidence, GateLook, WaveView } from "@mote/protocol";
import { many } from "../format.js";
import { Badge } from "../parts/badge.js";
import { Time } from "../parts/clock.js";
import { difference, FINDING, gateName, VERDICT } from "../words.js";
import { explain, place, reachOf, type Scale, scaleOf } from "./evidence.js";

/** What each gate of a wave says, and the figures by which it says so. */
export function Gates({ wave }: { wave: WaveView }) {
  return (
    <section class="card" aria-labelledby={`gates-${wave.name}`}>
      <div class="head">
        <h2 id={`gates-${wave.name}`}>Gates of wave “{wave.name}”</h2>
      </div>
      {wave.gates.filter(isApplicable).map((gate) => (
        <Gate key={gate.gate} gate={gate} />
      ))}
      {inapplicable(wave.gates).map(([text, names]) => (
        <div key={text} class="gate">
          <div class="head">
            <h3>{names.join(", ")}</h3>
            <Badge word={VERDICT["not-applicable"]} />
          </div>
          <p class="small">{text}</p>
        </div>
      ))}
    </section>
  );
}

const isApplicable = ({ verdict }: GateEvidence) => verdict !== "not-applicable";

/** Gates that have nothing to compare, by why. */
function inapplicable(gates: readonly GateEvidence[]): [string, string[]][] {
  const byText = new Map<string, string[]>();
  for (const { gate, text } of gates.filter((one) => !isApplicable(one))) {
    byText.set(text, [...(byText.get(text) ?? []), gateName(gate)]);
  }
  return [...byText];
}

function Gate({ gate }: { gate: GateEvidence }) {
  const why = explain(gate);
  return (
    <div class="gate">
      <div class="head">
        <h3>{gateName(gate.gate)}</h3>
        <Badge word={gate.finding === undefined ? VERDICT[gate.verdict] : FINDING[gate.finding]} />
        {gate.waveDevices > 0 && gate.controlDevices > 0 ? (
          <span class="small soft end">
            {many(gate.waveDevices, "device")} against {gate.controlDevices}
          </span>
        ) : null}
      </div>
      <p class="small">{gate.text}</p>
      {gate.trail === undefined || gate.margin === null ? null : (
        <Looks gate={gate.gate} trail={gate.trail} margin={gate.margin} />
      )}
      {why === null ? null : <p class="small soft">{why}</p>}
    </div>
  );
}

/** Look by look: what was measured (dot), and what the test leaves possible (bar), against zero and the margin. */
function Looks({ gate, trail, margin }: { gate: string; trail: readonly GateLook[]; margin: number }) {
  const scale = scaleOf(trail, margin);
  return (
    <div class="looks">
      {trail.map((look, i) => (
        <Look key={look.atMs} gate={gate} look={look} number={i + 1} scale={scale} margin={margin} />
      ))}
      <span />
      <div class="axis" aria-hidden="true">
        <span style={{ left: `${place(scale, 0)}%` }}>no change</span>
        <span style={{ left: `${place(scale, margin)}%` }}>margin</span>
      </div>
      <span />
    </div>
  );
}

function Look({
  gate,
  look,
  number,
  scale,
  margin,
}: {
  gate: string;
  look: GateLook;
  number: number;
  scale: Scale;
  margin: number;
}) {
  const [word, tone] = VERDICT[look.verdict];
  const reach = reachOf(scale, look);
  const measured = difference(gate, look.difference);
  const between = `between ${look.low === null ? "an open end" : difference(gate, look.low)} and ${look.high === null ? "an open end" : difference(gate, look.high)}`;
  return (
    <>
      <span class="soft nowrap">
        Look {number}, <Time ms={look.atMs} />
      </span>
      <div
        class={`track tone-${tone}`}
        role="img"
        aria-label={`Look ${number}: measured ${measured}, ${between}; margin ${difference(gate, margin)}: ${word}`}
        title={`${measured}, ${between}`}
      >
        <span class="over" style={{ left: `${place(scale, margin)}%` }} />
        <span class="zero" style={{ left: `${place(scale, 0)}%` }} />
        <span class="margin" style={{ left: `${place(scale, margin)}%` }} />
        <span class="reach" style={{ left: `${reach.left}%`, width: `${reach.width}%` }} />
        <span class="dot" style={{ left: `${place(scale, look.difference)}%` }} />
      </div>
      <span class={`tone-${tone} nowrap number`}>
        {measured}: {word}
      </span>
    </>
  );
}
