import type { ComponentChildren } from "preact";

export function NumberField({
  label,
  value,
  onValue,
  min = 0,
  max,
  step = "any",
  isRequired = false,
  placeholder,
}: {
  label: ComponentChildren;
  value: string;
  onValue: (value: string) => void;
  min?: number;
  max?: number;
  step?: string;
  isRequired?: boolean;
  placeholder?: string;
}) {
  return (
    <label>
      <span>{label}</span>
      <input
        type="number"
        inputMode="decimal"
        min={min}
        max={max}
        step={step}
        required={isRequired}
        placeholder={placeholder}
        value={value}
        onInput={(event) => onValue(event.currentTarget.value)}
      />
    </label>
  );
}

export function Check({
  label,
  value,
  onValue,
}: {
  label: string;
  value: boolean;
  onValue: (value: boolean) => void;
}) {
  return (
    <label class="check">
      <input type="checkbox" checked={value} onChange={(event) => onValue(event.currentTarget.checked)} />{" "}
      {label}
    </label>
  );
}

/** A part of a form: its name, what it is about, its fields. */
export function Part({
  title,
  about,
  children,
}: {
  title: string;
  about?: string;
  children: ComponentChildren;
}) {
  return (
    <fieldset class="card">
      <legend>
        <h2>{title}</h2>
      </legend>
      {about === undefined ? null : <p class="small soft">{about}</p>}
      {children}
    </fieldset>
  );
}
