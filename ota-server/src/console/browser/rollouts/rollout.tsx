import type { MeAnswer, RolloutView } from "@mote/protocol";
import { many } from "../format.js";
import { of, useLive } from "../live.js";
import { Badge } from "../parts/badge.js";
import { Time } from "../parts/clock.js";
import { Loaded, Notice } from "../parts/notice.js";
import { Stack } from "../parts/stack.js";
import { to } from "../route.js";
import { read } from "../server.js";
import { Title } from "../shell/title.js";
import { may, ROLLOUT } from "../words.js";
import { Actions } from "./actions.js";
import { Gates } from "./gates.js";
import { PlanFacts } from "./planFacts.js";
import { NextStep, Waves } from "./waves.js";

/** One rollout as it moves. */
export function RolloutPage({ id, me }: { id: string; me: MeAnswer }) {
  const live = useLive(
    `rollout/${id}`,
    () => read.rollout(id),
    (event) => of("report")(event) || (event.type === "rollout" && (event.rolloutId ?? id) === id),
  );
  return <Loaded live={live}>{(rollout) => <Whole rollout={rollout} me={me} onDone={live.reload} />}</Loaded>;
}

function Whole({ rollout, me, onDone }: { rollout: RolloutView; me: MeAnswer; onDone: () => void }) {
  const { plan } = rollout;
  const judged = rollout.waves.filter(({ gates }) => gates.length > 0).reverse();
  return (
    <>
      <Title
        text={`${plan.product} ${plan.version}`}
        crumb={
          <>
            <a href={to.rollouts()}>Rollouts</a> / <code>{rollout.id}</code>
          </>
        }
        actions={
          <>
            <Promote rollout={rollout} me={me} />
            <Actions rollout={rollout} me={me} onDone={onDone} />
          </>
        }
      >
        <Badge word={ROLLOUT[rollout.state]} />
      </Title>
      <State rollout={rollout} />
      <Waves rollout={rollout} />
      <div class="columns">
        <div>
          {judged.length === 0 ? (
            <p class="soft">Gates judge a wave when it is open.</p>
          ) : (
            judged.map((wave) => <Gates key={wave.name} wave={wave} />)
          )}
        </div>
        <div>
          <Approvals rollout={rollout} />
          <PlanFacts rollout={rollout} />
          <History rollout={rollout} />
          {may(me.role, "operator") ? (
            <p>
              <a href={to.newRollout({ like: rollout.id })}>Stage another one like this</a>
            </p>
          ) : null}
        </div>
      </div>
    </>
  );
}

/** What a shadow or an A/B test has tried: the form comes with the plan that brings it to all. */
function Promote({ rollout, me }: { rollout: RolloutView; me: MeAnswer }) {
  if (rollout.promotion === null || !may(me.role, "operator")) return null;
  return (
    <a class="button primary" href={to.newRollout({ promote: rollout.id })}>
      Promote…
    </a>
  );
}

const TONE = {
  "awaiting-approval": "wait",
  running: "idle",
  paused: "wait",
  held: "bad",
  "rolling-back": "bad",
  "rolled-back": "bad",
  completed: "good",
  aborted: "idle",
} as const;

function State({ rollout }: { rollout: RolloutView }) {
  const { done, pending } = rollout.rollback;
  return (
    <Notice tone={TONE[rollout.state]}>
      <p class="strong">{rollout.reason}</p>
      <NextStep rollout={rollout} />
      {done + pending === 0 ? null : (
        <Stack
          label="Going back"
          parts={[
            {
              name: "back on what they ran before",
              count: done,
              look: "is-good",
              href: to.rolloutDevices(rollout.id, "returned"),
            },
            {
              name: "still to go back",
              count: pending,
              look: "is-wait",
              href: to.rolloutDevices(rollout.id, "returning"),
            },
          ]}
        />
      )}
      {rollout.breakGlass === null ? null : (
        <p class="tone-bad">
          {rollout.breakGlass.by} broke the glass at <Time ms={rollout.breakGlass.atMs} />:{" "}
          {rollout.breakGlass.comment}
        </p>
      )}
    </Notice>
  );
}

function Approvals({ rollout }: { rollout: RolloutView }) {
  const { approvals, approvalsMissing } = rollout;
  if (approvals.length === 0 && approvalsMissing === 0) return null;
  return (
    <section class="card" aria-labelledby="approvals">
      <h2 id="approvals">Approvals</h2>
      {approvalsMissing === 0 ? null : (
        <p>{many(approvalsMissing, "more person has", "more people have")} to approve.</p>
      )}
      <ul class="plainlist small">
        {approvals.map(({ by, atMs, comment, scope, wave, expiresAtMs }) => (
          <li key={`${by}/${wave}`}>
            <b>{by}</b> for{" "}
            {scope === "rollout" ? "the whole rollout" : `wave “${rollout.waves[wave]?.name}”`},{" "}
            <Time ms={atMs} />
            {expiresAtMs === null ? null : (
              <>
                , counts until <Time ms={expiresAtMs} />
              </>
            )}
            {comment === "" ? null : `: ${comment}`}
          </li>
        ))}
      </ul>
    </section>
  );
}

function History({ rollout }: { rollout: RolloutView }) {
  const entries = rollout.history.map((entry, i) => ({ ...entry, i })).reverse();
  return (
    <section class="card" aria-labelledby="history">
      <h2 id="history">What happened</h2>
      <ol class="timeline">
        {entries.map(({ atMs, text, i }) => (
          <li key={i} class={toneOf(text)}>
            <Time ms={atMs} />
            {text}
          </li>
        ))}
      </ol>
    </section>
  );
}

function toneOf(text: string): string {
  if (/^(rolling-back|rolled-back|held|BREAK-GLASS)/.test(text)) return "is-bad";
  if (/^(paused|awaiting-approval)/.test(text)) return "is-wait";
  if (/passed|^completed|approved/.test(text)) return "is-good";
  return "is-busy";
}
