import type { MeAnswer } from "@mote/protocol";
import { Words } from "../parts/words.js";
import { to } from "../route.js";
import { may } from "../words.js";
import type { Step } from "./firstSteps.js";

/** What a new server lacks. */
export function FirstSteps({ steps, me }: { steps: readonly Step[]; me: MeAnswer }) {
  const next = steps.findIndex(({ isDone }) => !isDone);
  return (
    <section class="card" aria-labelledby="first-steps">
      <h2 id="first-steps">First steps</h2>
      <ol>
        {steps.map(({ name, isDone, how }, i) => (
          <li key={name}>
            <span class={i === next ? "strong" : "soft"}>{isDone ? `${name}: done` : name}</span>
            {isDone ? null : (
              <p class="small soft">
                <Words text={how} />
              </p>
            )}
          </li>
        ))}
      </ol>
      {next === steps.length - 1 && may(me.role, "operator") ? (
        <a class="button primary" href={to.newRollout()}>
          Start the first rollout
        </a>
      ) : (
        <p class="small soft">
          <Words text="Each command has `--help` with an example, and takes `--server` and `--token-file`." />
        </p>
      )}
    </section>
  );
}
