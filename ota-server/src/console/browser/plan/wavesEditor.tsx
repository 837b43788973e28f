import { addWave, PRESETS, type WaveDraft } from "./draft.js";
import { NumberField, type Options, Part, SelectField, TextField } from "./fields.js";
import type { SectionProps } from "./sections.js";

/** Rows of waves; each is larger than the one before and holds its devices too. */
export function WavesEditor({ draft, set, fleet }: SectionProps & { fleet: number }) {
  const { waves } = draft;
  const change = (key: number, part: Partial<WaveDraft>) =>
    set({ waves: waves.map((wave) => (wave.key === key ? { ...wave, ...part } : wave)) });
  return (
    <Part
      title="In waves"
      about="A small wave first. The next one opens when enough have confirmed, the time to watch is over and every gate says “fine”. Sizes count all devices up to there."
    >
      <p class="actions small">
        Start from:
        {PRESETS.map(({ name, waves: preset }) => (
          <button key={name} type="button" onClick={() => set({ waves: preset(fleet) })}>
            {name}
          </button>
        ))}
      </p>
      <div style={{ display: "grid", gap: "8px" }}>
        {waves.map((wave, i) => (
          <WaveRow
            key={wave.key}
            wave={wave}
            number={i + 1}
            isOnly={waves.length === 1}
            onChange={(part) => change(wave.key, part)}
            onRemove={() => set({ waves: waves.filter(({ key }) => key !== wave.key) })}
          />
        ))}
      </div>
      <p>
        <button type="button" onClick={() => set({ waves: addWave(waves) })} disabled={waves.length >= 32}>
          Add a wave
        </button>
      </p>
    </Part>
  );
}

/** Of an A/B test: the one wave that gets the release. */
export function PartB({ draft, set }: SectionProps) {
  const [wave] = draft.waves;
  return (
    <Part
      title="Who gets it, and how long"
      about="The others keep what they run, devices that come later are divided alike, and the time to watch is that of the test."
    >
      <WaveRow
        wave={wave!}
        number={1}
        isOnly={true}
        onChange={(part) => set({ waves: [{ ...wave!, ...part }] })}
        onRemove={() => undefined}
      />
    </Part>
  );
}

const UNITS: Options<WaveDraft["unit"]> = [
  ["devices", "devices"],
  ["percent", "% of all"],
];

function WaveRow({
  wave,
  number,
  isOnly,
  onChange,
  onRemove,
}: {
  wave: WaveDraft;
  number: number;
  isOnly: boolean;
  onChange: (part: Partial<WaveDraft>) => void;
  onRemove: () => void;
}) {
  const isShare = wave.unit === "percent";
  return (
    <fieldset class="wave-row">
      <legend class="sr">Wave {number}</legend>
      <TextField
        label="Name"
        isRequired
        maxLength={64}
        value={wave.name}
        onValue={(name) => onChange({ name })}
      />
      <NumberField
        label="Size"
        value={wave.size}
        min={isShare ? 0.001 : 1}
        {...(isShare ? { max: 100 } : { step: "1" })}
        isRequired
        onValue={(size) => onChange({ size })}
      />
      <SelectField label="of" value={wave.unit} options={UNITS} onValue={(unit) => onChange({ unit })} />
      <NumberField
        label="Watch, min"
        value={wave.watchMinutes}
        isRequired
        onValue={(watchMinutes) => onChange({ watchMinutes })}
      />
      <NumberField
        label="Approvals"
        value={wave.approvals}
        max={16}
        step="1"
        isRequired
        onValue={(approvals) => onChange({ approvals })}
      />
      <button
        type="button"
        aria-label={`Remove wave ${number}, ${wave.name}`}
        disabled={isOnly}
        onClick={onRemove}
      >
        ✕
      </button>
    </fieldset>
  );
}
