import type { ReleaseView, RolloutPlan } from "@mote/protocol";
import { to } from "../route.js";
import { gateName } from "../words.js";
import type { Draft } from "./draft.js";
import { Check, NumberField, Part } from "./fields.js";

export interface SectionProps {
  readonly draft: Draft;
  readonly set: (part: Partial<Draft>) => void;
}

export function Release({ draft, set, releases }: SectionProps & { releases: readonly ReleaseView[] }) {
  const [product = "", version = ""] = draft.release.split(" ");
  return (
    <Part title="What">
      <div class="fields">
        <label>
          <span>Release</span>
          <select
            value={draft.release}
            onChange={(event) => set({ release: event.currentTarget.value, hardware: [] })}
          >
            {releases.map((one) => {
              const name = `${one.product} ${one.version}`;
              return (
                <option key={name} value={name}>
                  {name}
                </option>
              );
            })}
          </select>
        </label>
        <label>
          <span>Comment</span>
          <input
            maxLength={512}
            value={draft.comment}
            placeholder="why now; kept in the history"
            onInput={(event) => set({ comment: event.currentTarget.value })}
          />
        </label>
      </div>
      <p class="small">
        <a href={to.compare(product, "running", version)}>What changes against what runs now</a>
      </p>
    </Part>
  );
}

export function Audience({ draft, set, release }: SectionProps & { release: ReleaseView | undefined }) {
  const classes = [...new Set(release?.variants.flatMap(({ hardware }) => hardware) ?? [])];
  const toggle = (name: string) =>
    set({
      hardware: draft.hardware.includes(name)
        ? draft.hardware.filter((one) => one !== name)
        : [...draft.hardware, name],
    });
  return (
    <Part title="To whom" about="Nothing chosen: every device of the product that the release fits.">
      <div class="fields">
        <fieldset>
          <legend class="small">Hardware</legend>
          {classes.map((name) => (
            <Check
              key={name}
              label={name}
              value={draft.hardware.includes(name)}
              onValue={() => toggle(name)}
            />
          ))}
        </fieldset>
        <label>
          <span>Tags, all of them</span>
          <textarea
            rows={2}
            placeholder="ward=3"
            value={draft.tags}
            onInput={(event) => set({ tags: event.currentTarget.value })}
          />
        </label>
        <label>
          <span>Only these devices</span>
          <textarea
            rows={2}
            placeholder="ids; empty for all"
            value={draft.devices}
            onInput={(event) => set({ devices: event.currentTarget.value })}
          />
        </label>
      </div>
    </Part>
  );
}

const ON_FAILURE: readonly [RolloutPlan["onFailure"], string][] = [
  ["rollback-fleet", "Take it back everywhere, by itself"],
  ["rollback-wave", "Take that wave back, by itself"],
  ["hold", "Tell nobody new, and ask a person"],
];

/** What the numbers behind a gate are called where they are typed. */
const UNIT: Readonly<Record<string, string>> = { latency: "% slower" };

export function Judgement({ draft, set }: SectionProps) {
  const margin = (metric: string) => (value: string) =>
    set({ margins: { ...draft.margins, [metric]: value } });
  return (
    <Part
      title="If it turns out worse"
      about="Each wave is compared with devices that have not got the release yet, by what their models report."
    >
      {ON_FAILURE.map(([value, text]) => (
        <label key={value} class="radio">
          <input
            type="radio"
            name="on-failure"
            checked={draft.onFailure === value}
            onChange={() => set({ onFailure: value })}
          />{" "}
          {text}
        </label>
      ))}
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

export function Conditions({ draft, set }: SectionProps) {
  return (
    <Part title="When" about="Each device waits until it may; times are the device's own.">
      <Check
        label="Only while the device is idle and at no critical task"
        value={draft.idle}
        onValue={(idle) => set({ idle })}
      />
      <Check label="Only while it charges" value={draft.charging} onValue={(charging) => set({ charging })} />
      <Check
        label="Not over metered links"
        value={draft.unmetered}
        onValue={(unmetered) => set({ unmetered })}
      />
      <div class="fields">
        <NumberField
          label="Battery at least, %"
          value={draft.minBattery}
          max={100}
          step="1"
          placeholder="any"
          onValue={(minBattery) => set({ minBattery })}
        />
        <label>
          <span>Only from</span>
          <input
            type="time"
            required={draft.until !== ""}
            value={draft.from}
            onInput={(event) => set({ from: event.currentTarget.value })}
          />
        </label>
        <label>
          <span>until</span>
          <input
            type="time"
            required={draft.from !== ""}
            value={draft.until}
            onInput={(event) => set({ until: event.currentTarget.value })}
          />
        </label>
      </div>
      {draft.from === "" ? null : (
        <Check
          label="Mondays to Fridays only"
          value={draft.weekdays}
          onValue={(weekdays) => set({ weekdays })}
        />
      )}
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
      </div>
    </Part>
  );
}
