import type { FleetAnswer, ReleaseView } from "@mote/protocol";
import { useState } from "preact/hooks";
import { many } from "../format.js";
import { Checks, NumberField, type Options, Part, SelectField, WordsField } from "./fields.js";
import type { SectionProps } from "./sections.js";
import { EVERYBODY, type Whom, type YesOrNo } from "./whom.js";

/** Versions that the product's devices run now. */
export type Running = FleetAnswer["products"][number]["versions"];

const MIND: Options<YesOrNo>[number] = ["", "no matter"];
const ONLINE: Options<YesOrNo> = [MIND, ["true", "connected now"], ["false", "not connected"]];
const LAST_UPDATE: Options<YesOrNo> = [MIND, ["false", "went well, or none yet"], ["true", "failed"]];
const FLOOR: Options<YesOrNo> = [MIND, ["true", "below it"], ["false", "at it or above"]];

export function Audience({
  draft,
  set,
  release,
  running,
}: SectionProps & { release: ReleaseView | undefined; running: Running }) {
  // As it was when the form was opened: it must not fold away under who empties a field.
  const [isUnfolded] = useState(() => asksHow(draft));
  const classes = [...new Set(release?.variants.flatMap(({ hardware }) => hardware) ?? [])];
  return (
    <Part title="To whom" about="Nothing chosen: every device of the product that the release fits.">
      <div class="fields">
        <Checks
          legend="Hardware"
          values={draft.hardware}
          onValues={(hardware) => set({ hardware })}
          options={classes.map((name) => [name, name])}
        />
        <WordsField
          label="Tags, all of them"
          placeholder="ward=3"
          value={draft.tags}
          onValue={(tags) => set({ tags })}
        />
        <WordsField
          label="Only these devices"
          placeholder="ids; empty for all"
          value={draft.devices}
          onValue={(devices) => set({ devices })}
        />
      </div>
      <details open={isUnfolded}>
        <summary>What they run, and how they are doing</summary>
        <p class="small soft">
          Asked until a device has been told of the release: the rollout's own progress puts nobody out of it.
        </p>
        <div class="fields">
          <Checks
            legend="They run now, any of"
            values={draft.running}
            onValues={(versions) => set({ running: versions })}
            options={versionOptions(running, draft.running)}
          />
          <WordsField
            label="Agent or firmware versions"
            placeholder="0.1.0"
            value={draft.agents}
            onValue={(agents) => set({ agents })}
          />
          <SelectField
            label="Connection"
            value={draft.online}
            options={ONLINE}
            onValue={(online) => set({ online })}
          />
          <NumberField
            label="Heard of within, hours"
            value={draft.seenHours}
            min={0.01}
            placeholder="no matter"
            onValue={(seenHours) => set({ seenHours })}
          />
          <SelectField
            label="Their last update"
            value={draft.lastUpdateFailed}
            options={LAST_UPDATE}
            onValue={(lastUpdateFailed) => set({ lastUpdateFailed })}
          />
          <SelectField
            label="The signed floor"
            value={draft.belowFloor}
            options={FLOOR}
            onValue={(belowFloor) => set({ belowFloor })}
          />
          <NumberField
            label="Errors at most, % of inferences"
            value={draft.maxErrorPercent}
            max={100}
            placeholder="no matter"
            onValue={(maxErrorPercent) => set({ maxErrorPercent })}
          />
        </div>
      </details>
    </Part>
  );
}

/** Does the draft ask how devices are doing? Such a question must not be hidden. */
function asksHow(draft: Whom): boolean {
  const { hardware: _, tags: __, devices: ___, ...how } = EVERYBODY;
  return Object.keys(how).some((name) => draft[name as keyof Whom].length > 0);
}

/** What runs now, and what an earlier plan asked for. */
function versionOptions(running: Running, chosen: readonly string[]): Options<string> {
  const now = running.flatMap(({ version, sequence, devices }): Options<string> => {
    if (sequence === 0) return [["none", `no release yet (${many(devices, "device")})`]];
    return version === null ? [] : [[version, `${version} (${many(devices, "device")})`]];
  });
  const others = chosen.filter((name) => now.every(([known]) => known !== name));
  return [...now, ...others.map((name) => [name, `${name} (no device)`] as const)];
}
