import type { MeAnswer, RolloutView } from "@mote/protocol";
import { many } from "../format.js";
import { of, useLive } from "../live.js";
import { Time } from "../parts/clock.js";
import { Loaded } from "../parts/notice.js";
import { to } from "../route.js";
import { read } from "../server.js";
import { Title } from "../shell/title.js";
import { Actions } from "./actions.js";
import { queryWords } from "./planFacts.js";
import { Waves } from "./waves.js";

/** What waits for people's word, with what is needed to give it. */
export function ApprovalsPage({ me }: { me: MeAnswer }) {
  const live = useLive("approvals", () => read.rollouts({ active: "true" }), of("rollout"));
  return (
    <>
      <Title text="Approvals" />
      <Loaded live={live}>
        {({ rollouts }) => {
          const waiting = rollouts.filter(({ state }) => state === "awaiting-approval" || state === "held");
          if (waiting.length === 0) return <p class="notice is-good">No rollout waits for anybody's word.</p>;
          return waiting.map((rollout) => (
            <Waiting key={rollout.id} rollout={rollout} me={me} onDone={live.reload} />
          ));
        }}
      </Loaded>
    </>
  );
}

function Waiting({ rollout, me, onDone }: { rollout: RolloutView; me: MeAnswer; onDone: () => void }) {
  const { plan, approvals, approvalsMissing, currentWave } = rollout;
  const name = `${plan.product} ${plan.version}`;
  const given = approvals.filter(({ scope, wave }) => scope === "rollout" || wave === currentWave);
  return (
    <section class="card" aria-label={name}>
      <div class="head">
        <h2>
          <a href={to.rollout(rollout.id)}>{name}</a>
        </h2>
        <span class="soft small">
          to {queryWords(plan)}; created <Time ms={rollout.createdAtMs} />
        </span>
      </div>
      <p>
        {rollout.state === "held"
          ? `Held: ${rollout.reason}.`
          : `Wave “${rollout.waves[currentWave]?.name}” waits for ${many(approvalsMissing, "more approval")}.`}{" "}
        {given.length === 0 ? null : `Approved by ${given.map(({ by }) => by).join(", ")}.`}
      </p>
      {plan.comment === undefined ? null : <p class="soft">“{plan.comment}”</p>}
      <Waves rollout={rollout} />
      <p class="actions" style={{ marginTop: "12px" }}>
        <Actions rollout={rollout} me={me} onDone={onDone} />
        <a href={to.compare(plan.product, "running", plan.version)}>What changes with this release</a>
      </p>
    </section>
  );
}
