import type { ReleaseView } from "@mote/protocol";
import { to } from "../route.js";
import { gateName } from "../words.js";
import { type Draft, type FormGates, withStrategy } from "./draft.js";
import { NumberField, type Options, Part, Radios, SelectField, TextField } from "./fields.js";

export interface SectionProps {
  readonly draft: Draft;
  readonly set: (part: Partial<Draft>) => void;
}

export function Release({ draft, set, releases }: SectionProps & { releases: readonly ReleaseView[] }) {
  const [product = "", version = ""] = draft.release.split(" ");
  return (
    <Part title="What">
      <div class="fields">
        <SelectField
          label="Release"
          value={draft.release}
          options={releases.map((one) => `${one.product} ${one.version}`).map((name) => [name, name])}
          // Another product has other classes and other versions.
          onValue={(release) => set({ release, hardware: [], running: [] })}
        />
        <TextField
          label="Comment"
          maxLength={512}
          value={draft.comment}
          placeholder="why now; kept in the history"
          onValue={(comment) => set({ comment })}
        />
      </div>
      <p class="small">
        <a href={to.compare(product, "running", version)}>What changes against what runs now</a>
      </p>
    </Part>
  );
}

const STRATEGIES: Options<Draft["strategy"]> = [
  ["staged", "Install it wave by wave; each wave is compared with devices that have not got it yet"],
  ["blue-green", "Bring it to every spare slot first, wave by wave, then switch all devices at once"],
  ["a-b", "Give it to a part of the fleet for a set time, and measure it against what the others run"],
  ["shadow", "Run it beside the release that serves: it only reports, and nobody acts on it"],
];

export function Strategy({ draft, set, gates, fleet }: SectionProps & { gates: FormGates; fleet: number }) {
  const choose = (strategy: Draft["strategy"]) => set(withStrategy(draft, strategy, gates, fleet));
  return (
    <Part title="How">
      <Radios legend="How" name="strategy" value={draft.strategy} options={STRATEGIES} onValue={choose} />
      {draft.strategy === "shadow" ? (
        <>
          <p class="small soft">
            When the last wave has passed, the release waits in the spare slot: “Promote” on the rollout's
            page stages it over the same devices, without a second download.
          </p>
          <div class="fields">
            <NumberField
              label="Inferences made twice, %"
              value={draft.shadowPercent}
              min={0.001}
              max={100}
              isRequired
              onValue={(shadowPercent) => set({ shadowPercent })}
            />
          </div>
        </>
      ) : null}
      {draft.strategy === "a-b" ? (
        <p class="small soft">
          It ends with what was found, better, worse or no difference, and changes nothing more: “Promote” on
          the rollout's page brings the release to the others, “Roll back” takes it from those that have it.
        </p>
      ) : null}
      {draft.strategy === "blue-green" ? (
        <>
          <p class="small soft">
            Nothing of it runs before the switch; the old release stays in the other slot, so that going back
            needs no download.
          </p>
          <div class="fields">
            <NumberField
              label="Approvals before the switch (0: by itself)"
              value={draft.switchApprovals}
              max={16}
              step="1"
              isRequired
              onValue={(switchApprovals) => set({ switchApprovals })}
            />
            <NumberField
              label="Watch after the switch, min"
              value={draft.switchWatchMinutes}
              isRequired
              onValue={(switchWatchMinutes) => set({ switchWatchMinutes })}
            />
          </div>
        </>
      ) : null}
    </Part>
  );
}

const ON_FAILURE: Options<Draft["onFailure"]> = [
  ["rollback-fleet", "Take it back everywhere, by itself"],
  ["rollback-wave", "Take that wave back, by itself"],
  ["hold", "Tell nobody new, and ask a person"],
];

/** What the numbers behind a gate are called where they are typed. */
const UNIT: Readonly<Record<string, string>> = { latency: "% slower", agreement: "points less than always" };

const COMPARED: Readonly<Record<Draft["strategy"], string>> = {
  staged:
    "Each wave is compared with devices that have not got the release yet, by what their models report.",
  "blue-green":
    "Waves are judged by their installs; after the switch each device is compared with its own past. There is no control group: what changes for all at once looks like the release.",
  "a-b":
    "Both parts are measured at the same time, by what their models report. One that is worse by the margin ends the test early.",
  shadow:
    "Each device compares the release in its shadow with the one that serves, at the same time. Taking it back ends the shadow; nothing else has run.",
};

export function Judgement({ draft, set }: SectionProps) {
  const margin = (metric: string) => (value: string) =>
    set({ margins: { ...draft.margins, [metric]: value } });
  return (
    <Part title="If it turns out worse" about={COMPARED[draft.strategy]}>
      <Radios
        legend="If it turns out worse"
        name="on-failure"
        value={draft.onFailure}
        options={ON_FAILURE}
        onValue={(onFailure) => set({ onFailure })}
      />
      <details>
        <summary>How much worse is too much</summary>
        <div class="fields">
          {Object.entries(draft.margins).map(([metric, value]) => (
            <NumberField
              key={metric}
              label={`${gateName(metric)}, ${UNIT[metric] ?? "points"} (empty: not judged)`}
              value={value}
              max={1000}
              onValue={margin(metric)}
            />
          ))}
          <NumberField
            label="Installs that may fail, %"
            value={draft.maxFailurePercent}
            max={100}
            isRequired
            onValue={(maxFailurePercent) => set({ maxFailurePercent })}
          />
          <NumberField
            label="Installs that must be done before a wave is judged, %"
            value={draft.minConfirmedPercent}
            max={100}
            isRequired
            onValue={(minConfirmedPercent) => set({ minConfirmedPercent })}
          />
          <NumberField
            label="An install that takes longer has failed, min"
            value={draft.timeoutMinutes}
            min={0.01}
            isRequired
            onValue={(timeoutMinutes) => set({ timeoutMinutes })}
          />
          <NumberField
            label="Chance to stop a good release, %"
            value={draft.falseStopPercent}
            min={0.001}
            max={50}
            isRequired
            onValue={(falseStopPercent) => set({ falseStopPercent })}
          />
          <NumberField
            label="Undecided for so many hours: ask a person"
            value={draft.deadlineHours}
            min={0.01}
            isRequired
            onValue={(deadlineHours) => set({ deadlineHours })}
          />
        </div>
      </details>
    </Part>
  );
}

export function Speed({ draft, set }: SectionProps) {
  return (
    <Part title="How fast">
      <div class="fields">
        <NumberField
          label="Devices at a time"
          value={draft.concurrent}
          min={1}
          step="1"
          placeholder="no limit"
          onValue={(concurrent) => set({ concurrent })}
        />
        <NumberField
          label="Devices told an hour"
          value={draft.perHour}
          min={1}
          step="1"
          placeholder="no limit"
          onValue={(perHour) => set({ perHour })}
        />
        <NumberField
          label="An approval counts for hours"
          value={draft.approvalHours}
          min={0.01}
          placeholder="for ever"
          onValue={(approvalHours) => set({ approvalHours })}
        />
        <NumberField
          label="Over in hours, else ask a person"
          value={draft.patienceHours}
          min={0.01}
          placeholder="no limit"
          onValue={(patienceHours) => set({ patienceHours })}
        />
        <NumberField
          label="Attempts of a device, the first included"
          value={draft.attempts}
          min={1}
          max={20}
          step="1"
          isRequired={draft.pauseMinutes !== ""}
          placeholder="3"
          onValue={(attempts) => set({ attempts })}
        />
        <NumberField
          label="Pause before the second one, min"
          value={draft.pauseMinutes}
          isRequired={draft.attempts !== ""}
          placeholder="1"
          onValue={(pauseMinutes) => set({ pauseMinutes })}
        />
      </div>
    </Part>
  );
}
