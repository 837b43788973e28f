import type { RolloutView, WaveView } from "@mote/protocol";
import { count, many, percent, span } from "../format.js";
import { Badge } from "../parts/badge.js";
import { Time, useNow } from "../parts/clock.js";
import { Stack } from "../parts/stack.js";
import { ROLLOUT, WAVE, waitsFor } from "../words.js";
import { isActive, nextStep, partsOf } from "./progress.js";

/** The waves side by side. Each counts its own devices and those of the waves before it. */
export function Waves({ rollout }: { rollout: RolloutView }) {
  return (
    <section aria-labelledby="waves">
      <h2 id="waves" class="sr">
        Waves
      </h2>
      <ol class="waves">
        {rollout.waves.map((wave, i) => (
          <li
            key={wave.name}
            class={`wave is-${wave.state}`}
            {...(i === rollout.currentWave && isActive(rollout) ? { "aria-current": "step" as const } : {})}
          >
            <div class="head">
              <h3>
                {i + 1}. {wave.name}
              </h3>
              <Badge word={wordOf(rollout, i)} />
            </div>
            <p class="small soft">{sizeOf(rollout, i)}</p>
            <Stack label={`Wave ${wave.name}`} parts={partsOf(wave, rollout.id)} />
            {wave.openedAtMs === null ? null : <Members wave={wave} />}
          </li>
        ))}
      </ol>
    </section>
  );
}

/** A wave that goes on by itself is named by its state; one that does not, by what has stopped it. */
function wordOf(rollout: RolloutView, index: number) {
  const { state } = rollout.waves[index]!;
  const isStopped = rollout.state === "held" || rollout.state === "paused";
  const isOpen = state === "installing" || state === "soaking";
  return isStopped && isOpen ? ROLLOUT[rollout.state] : WAVE[state];
}

function Members({ wave }: { wave: WaveView }) {
  return (
    <p class="small soft">
      {many(wave.members, "device")} by now
      {wave.control === 0 || wave.isStaging ? "" : `, ${count(wave.control)} to compare with`}
      {wave.retrying > 0 ? `, ${wave.retrying} will be tried again` : ""}
      {wave.openedAtMs === null ? null : (
        <>
          {"; opened "}
          <Time ms={wave.openedAtMs} />
        </>
      )}
    </p>
  );
}

function sizeOf(rollout: RolloutView, index: number): string {
  const { soakS } = rollout.waves[index]!;
  const wave = rollout.plan.waves[index];
  // The switch is no wave of the plan: it is for all that its waves have reached.
  if (wave === undefined) return switchWords(rollout, soakS);
  const { share, count: devices, approvals } = wave;
  const size = devices === undefined ? `${percent(share ?? 1, 0)} of the devices` : many(devices, "device");
  const watched = soakS > 0 ? `, watched for ${span(1000 * soakS)}` : "";
  const needed = approvals ?? (index === 0 ? rollout.plan.approvals : 0);
  return `${size}${watched}${needed > 0 ? `, after ${many(needed, "approval")}` : ""}`;
}

function switchWords({ plan }: RolloutView, soakS: number): string {
  const needed = plan.switch?.approvals ?? 0;
  return `all that is staged begins to serve, watched for ${span(1000 * soakS)}${needed > 0 ? `, after ${many(needed, "approval")}` : ""}`;
}

/** The wave that is under way, and what the rollout waits for. */
export function CurrentWave({ rollout }: { rollout: RolloutView }) {
  const wave = rollout.waves[rollout.currentWave];
  if (wave === undefined) return null;
  return (
    <>
      <p class="small soft">
        Wave {rollout.currentWave + 1} of {rollout.waves.length}: {wave.name}
      </p>
      <Stack label={`Wave ${wave.name}`} parts={partsOf(wave, rollout.id)} />
      <NextStep rollout={rollout} />
    </>
  );
}

export function NextStep({ rollout }: { rollout: RolloutView }) {
  const now = useNow();
  const step = nextStep(rollout);
  return (
    <>
      {step === null ? null : (
        <p class="small">
          {step.text}
          {step.untilMs === null || step.untilMs <= now ? null : (
            <>
              {" "}
              <span class="soft nowrap">
                At the latest <Time ms={step.untilMs} /> (in {span(step.untilMs - now)}).
              </span>
            </>
          )}
        </p>
      )}
      {rollout.waiting.length === 0 ? null : (
        <p class="small">
          Waiting:{" "}
          {rollout.waiting
            .map(({ reason, devices }) => `${count(devices)} for ${waitsFor(reason)}`)
            .join(", ")}
          .
        </p>
      )}
    </>
  );
}
