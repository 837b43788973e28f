import type { FleetAnswer, MeAnswer, RolloutView } from "@mote/protocol";
import { count } from "../format.js";
import { of, useLive } from "../live.js";
import { Badge, colourOf, versionLabel } from "../parts/badge.js";
import { Time } from "../parts/clock.js";
import { Loaded } from "../parts/notice.js";
import { Stack } from "../parts/stack.js";
import { Words } from "../parts/words.js";
import { newRolloutButton } from "../rollouts/newButton.js";
import { CurrentWave } from "../rollouts/waves.js";
import { to } from "../route.js";
import { read } from "../server.js";
import { Title } from "../shell/title.js";
import { ROLLOUT } from "../words.js";
import { type Alert, alertsOf, type Known } from "./alerts.js";
import { firstStepsOf } from "./firstSteps.js";
import { FirstSteps } from "./firstStepsCard.js";

/** Is anything wrong? What waits for me? What moves? */

const RECENT = 12;

async function readOverview(): Promise<Known> {
  const [active, releases, trust, ready] = await Promise.all([
    read.rollouts({ active: "true" }),
    read.releases(),
    read.trust(),
    // Not ready is an answer too, and not with the shape that others have.
    read.ready().catch(() => null),
  ]);
  return { rollouts: active.rollouts, releases: releases.releases, trust, ready };
}

export function OverviewPage({ me }: { me: MeAnswer }) {
  const known = useLive("overview", readOverview, of("rollout", "report", "release", "trust"));
  const fleet = useLive("fleet", read.fleet, of("device", "report", "telemetry", "rollout"));
  const recent = useLive("recent", () => read.rollouts({ limit: "5" }), of("rollout"));
  const steps =
    known.data === null || fleet.data === null || recent.data === null
      ? []
      : firstStepsOf(known.data, fleet.data, recent.data.rollouts);
  const isNew = steps.some(({ isDone }) => !isDone);
  return (
    <>
      <Title text="Overview" actions={newRolloutButton(me)} />
      <Loaded live={known}>{(data) => <Alerts alerts={alertsOf(data)} isNew={isNew} />}</Loaded>
      {isNew ? <FirstSteps steps={steps} me={me} /> : null}
      <Loaded live={fleet}>{(data) => <Fleet fleet={data} />}</Loaded>
      <div class="columns">
        <Loaded live={known}>{({ rollouts }) => <UnderWay rollouts={rollouts} />}</Loaded>
        <Loaded live={recent}>{({ rollouts }) => <Recent rollouts={rollouts} />}</Loaded>
      </div>
    </>
  );
}

/** @param isNew the first steps wait, so that "nothing waits" would be wrong. */
function Alerts({ alerts, isNew }: { alerts: readonly Alert[]; isNew: boolean }) {
  if (alerts.length === 0 && isNew) return null;
  return (
    <section aria-labelledby="alerts">
      <h2 id="alerts" class={alerts.length === 0 ? "sr" : ""}>
        Waits for you
      </h2>
      {alerts.length === 0 ? (
        <p class="notice is-good">Nothing waits for you.</p>
      ) : (
        <ul class="plainlist">
          {alerts.map(({ key, tone, text, todo, href, link }) => (
            <li key={key} class={`notice is-${tone}`}>
              <span class="strong">{text}</span>{" "}
              <span class="soft">
                <Words text={todo} />
              </span>{" "}
              <a href={href}>{link}</a>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Fleet({ fleet }: { fleet: FleetAnswer }) {
  const tile = (value: number, name: string, href: string) => (
    <a class="tile" href={href}>
      <strong>{count(value)}</strong>
      <span class="soft">{name}</span>
    </a>
  );
  return (
    <section aria-labelledby="fleet">
      <h2 id="fleet" class="sr">
        Fleet
      </h2>
      <div class="tiles">
        {tile(fleet.devices, fleet.devices === 1 ? "device" : "devices", to.devices())}
        {tile(fleet.online, "connected now", to.devices({ state: "online" }))}
        {tile(fleet.activeRollouts.length, "rollouts under way", to.rollouts({ show: "active" }))}
        <div class="tile">
          <strong>{count(fleet.frames)}</strong>
          <span class="soft">telemetry reports</span>
        </div>
      </div>
      {fleet.products.map(({ product, devices, versions }) => (
        <div class="card" key={product} style={{ marginTop: "12px" }}>
          <div class="head">
            <h3>{product}</h3>
            <span class="soft small">{count(devices)} devices, by what they run</span>
          </div>
          <Stack
            label={`${product} by release`}
            parts={versions.map(({ sequence, version, devices: running }) => ({
              name: versionLabel(version, sequence),
              count: running,
              look: colourOf(sequence),
              href: to.devices({ product, sequence: String(sequence) }),
            }))}
          />
        </div>
      ))}
    </section>
  );
}

function UnderWay({ rollouts }: { rollouts: readonly RolloutView[] }) {
  return (
    <section aria-labelledby="under-way">
      <h2 id="under-way">Under way</h2>
      {rollouts.length === 0 ? <p class="soft">No rollout is under way.</p> : null}
      {rollouts.map((rollout) => (
        <article class="card" key={rollout.id}>
          <div class="head">
            <h3>
              <a href={to.rollout(rollout.id)}>
                {rollout.plan.product} {rollout.plan.version}
              </a>
            </h3>
            <Badge word={ROLLOUT[rollout.state]} />
          </div>
          <CurrentWave rollout={rollout} />
        </article>
      ))}
    </section>
  );
}

/** What happened lately, and who did it. */
function Recent({ rollouts }: { rollouts: readonly RolloutView[] }) {
  const entries = rollouts
    .flatMap(({ id, plan, history }) => history.map((entry, i) => ({ ...entry, id, i, plan })))
    .sort((a, b) => b.atMs - a.atMs)
    .slice(0, RECENT);
  return (
    <section class="card" aria-labelledby="recent">
      <h2 id="recent">Lately</h2>
      {entries.length === 0 ? <p class="soft">Nothing has happened yet.</p> : null}
      <ol class="timeline">
        {entries.map(({ id, i, atMs, text, plan }) => (
          <li key={`${id}/${i}`}>
            <Time ms={atMs} />
            <a href={to.rollout(id)}>
              {plan.product} {plan.version}
            </a>{" "}
            {text}
          </li>
        ))}
      </ol>
    </section>
  );
}
