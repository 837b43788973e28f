import type { MeAnswer, RolloutView } from "@mote/protocol";
import { count } from "../format.js";
import { of, useLive } from "../live.js";
import { Badge } from "../parts/badge.js";
import { Time } from "../parts/clock.js";
import { Loaded } from "../parts/notice.js";
import { Table } from "../parts/table.js";
import { hrefTo, to } from "../route.js";
import { read } from "../server.js";
import { Title } from "../shell/title.js";
import { ROLLOUT } from "../words.js";
import { newRolloutButton } from "./newButton.js";

type Query = Readonly<Record<string, string>>;

const SHOW = [
  ["", "All"],
  ["active", "Under way"],
  ["over", "Over"],
] as const;

export function RolloutsPage({ me, query }: { me: MeAnswer; query: Query }) {
  const { show = "", after, product } = query;
  const active = show === "" ? undefined : String(show === "active");
  const live = useLive(
    `rollouts/${show}/${after ?? ""}/${product ?? ""}`,
    () => read.rollouts({ limit: "25", after, active, product }),
    of("rollout", "report"),
  );
  return (
    <>
      <Title text="Rollouts" actions={newRolloutButton(me)} />
      <nav class="actions" aria-label="Which rollouts">
        {SHOW.map(([name, text]) => (
          <a
            key={name}
            class="button"
            href={hrefTo(["rollouts"], { show: name, product })}
            {...(name === show ? { "aria-current": "true" as const } : {})}
          >
            {text}
          </a>
        ))}
      </nav>
      <Loaded live={live}>
        {({ rollouts, next }) => (
          <div class="card is-flush">
            {rollouts.length === 0 ? (
              <p class="empty">No rollout here yet. “New rollout” stages one.</p>
            ) : (
              <Rows rollouts={rollouts} />
            )}
            {next === null ? null : (
              <p class="pager">
                <a href={hrefTo(["rollouts"], { show, product, after: next })}>Older rollouts</a>
              </p>
            )}
          </div>
        )}
      </Loaded>
    </>
  );
}

function Rows({ rollouts }: { rollouts: readonly RolloutView[] }) {
  return (
    <Table
      caption="Rollouts, newest first"
      columns={[
        { head: "Release" },
        { head: "State" },
        { head: "Wave" },
        { head: "Confirmed", isNumber: true },
        { head: "Why" },
        { head: "Created" },
      ]}
      rows={rollouts.map((rollout) => {
        const wave = rollout.waves[rollout.currentWave];
        return {
          key: rollout.id,
          cells: [
            <a key="release" href={to.rollout(rollout.id)}>
              {rollout.plan.product} {rollout.plan.version}
            </a>,
            <Badge key="state" word={ROLLOUT[rollout.state]} />,
            wave === undefined ? "" : `${wave.name} (${rollout.currentWave + 1} of ${rollout.waves.length})`,
            wave === undefined ? "" : `${count(wave.confirmed)} of ${count(wave.members)}`,
            rollout.reason,
            <Time key="created" ms={rollout.createdAtMs} />,
          ],
        };
      })}
    />
  );
}
