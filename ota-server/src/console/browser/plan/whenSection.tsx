import { useState } from "preact/hooks";
import { addWindow, type Conditions, type Day, WHEN_IDLE, type WindowDraft } from "./conditions.js";
import { Check, Checks, NumberField, type Options, Part, TextField } from "./fields.js";
import type { SectionProps } from "./sections.js";

const LINKS: Options<Conditions["links"][number]> = [
  ["ethernet", "Ethernet"],
  ["wifi", "Wi-Fi"],
  ["cellular", "cellular"],
  ["lpwan", "LPWAN"],
  ["other", "other"],
];

const DAYS: Options<Day> = [
  ["mon", "Mo"],
  ["tue", "Tu"],
  ["wed", "We"],
  ["thu", "Th"],
  ["fri", "Fr"],
  ["sat", "Sa"],
  ["sun", "Su"],
];

/** What must hold on a device before it begins. */
export function When({ draft, set }: SectionProps) {
  // As it was when the form was opened: it must not fold away under who empties a field.
  const [isUnfolded] = useState(() => asksMore(draft));
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
      </div>
      <Windows draft={draft} set={set} />
      <details open={isUnfolded}>
        <summary>Network, room, temperature</summary>
        <div class="fields">
          <Checks
            legend="Over (none chosen: any)"
            isInLine
            values={draft.links}
            options={LINKS}
            onValues={(links) => set({ links: links as Conditions["links"] })}
          />
          <NumberField
            label="Free space at least, MB"
            value={draft.minFreeMb}
            placeholder="what it needs"
            onValue={(minFreeMb) => set({ minFreeMb })}
          />
          <NumberField
            label="Not colder than, °C"
            value={draft.minTemperature}
            min={-100}
            max={200}
            placeholder="any"
            onValue={(minTemperature) => set({ minTemperature })}
          />
          <NumberField
            label="Not warmer than, °C"
            value={draft.maxTemperature}
            min={-100}
            max={200}
            placeholder="any"
            onValue={(maxTemperature) => set({ maxTemperature })}
          />
        </div>
      </details>
    </Part>
  );
}

/** Does the draft ask for what is folded away at first? Such a condition must not be hidden. */
function asksMore(draft: Conditions): boolean {
  const names = ["links", "minFreeMb", "minTemperature", "maxTemperature"] as const;
  return names.some((name) => draft[name].length > WHEN_IDLE[name].length);
}

function Windows({ draft, set }: SectionProps) {
  const { windows, timeZone } = draft;
  const change = (key: number, part: Partial<WindowDraft>) =>
    set({ windows: windows.map((one) => (one.key === key ? { ...one, ...part } : one)) });
  return (
    <>
      {windows.map((window, i) => (
        <fieldset key={window.key} class="fields">
          <legend class="sr">Window {i + 1}</legend>
          <TextField
            label="Only from"
            type="time"
            isRequired
            value={window.from}
            onValue={(from) => change(window.key, { from })}
          />
          <TextField
            label="until"
            type="time"
            isRequired
            value={window.until}
            onValue={(until) => change(window.key, { until })}
          />
          <button
            type="button"
            aria-label={`Remove window ${i + 1}`}
            onClick={() => set({ windows: windows.filter(({ key }) => key !== window.key) })}
          >
            Remove
          </button>
          <Checks
            legend="Beginning on (none chosen: every day)"
            isInLine
            values={window.days}
            options={DAYS}
            onValues={(days) => change(window.key, { days: days as Day[] })}
          />
        </fieldset>
      ))}
      <p>
        <button
          type="button"
          disabled={windows.length >= 16}
          onClick={() => set({ windows: addWindow(windows) })}
        >
          {windows.length === 0 ? "Only at certain hours…" : "Add a window"}
        </button>
      </p>
      {windows.length === 0 && timeZone === "" ? null : (
        <div class="fields">
          <TextField
            label="Time zone of devices that don't know theirs"
            value={timeZone}
            placeholder="UTC"
            maxLength={64}
            onValue={(zone) => set({ timeZone: zone })}
          />
        </div>
      )}
    </>
  );
}
