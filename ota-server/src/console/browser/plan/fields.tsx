import type { ComponentChildren } from "preact";

/** The fields that forms are made of: each has its name in sight, and says what it holds to whoever holds it. */

interface FieldProps {
  readonly label: ComponentChildren;
  readonly value: string;
  readonly onValue: (value: string) => void;
  readonly isRequired?: boolean;
  readonly placeholder?: string;
}

export function NumberField({
  label,
  value,
  onValue,
  min = 0,
  max,
  step = "any",
  isRequired = false,
  placeholder,
}: FieldProps & { min?: number; max?: number; step?: string }) {
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

export function TextField({
  label,
  value,
  onValue,
  type = "text",
  maxLength,
  isRequired = false,
  placeholder,
}: FieldProps & { type?: "text" | "time"; maxLength?: number }) {
  return (
    <label>
      <span>{label}</span>
      <input
        type={type}
        maxLength={maxLength}
        required={isRequired}
        placeholder={placeholder}
        value={value}
        onInput={(event) => onValue(event.currentTarget.value)}
      />
    </label>
  );
}

/** Several words or lines. */
export function WordsField({ label, value, onValue, placeholder }: FieldProps) {
  return (
    <label>
      <span>{label}</span>
      <textarea
        rows={2}
        placeholder={placeholder}
        value={value}
        onInput={(event) => onValue(event.currentTarget.value)}
      />
    </label>
  );
}

export type Options<Value extends string> = readonly (readonly [value: Value, text: string])[];

export function SelectField<Value extends string>({
  label,
  value,
  onValue,
  options,
}: {
  label: ComponentChildren;
  value: Value;
  onValue: (value: Value) => void;
  options: Options<Value>;
}) {
  return (
    <label>
      <span>{label}</span>
      <select value={value} onChange={(event) => onValue(event.currentTarget.value as Value)}>
        {options.map(([one, text]) => (
          <option key={one} value={one}>
            {text}
          </option>
        ))}
      </select>
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

/** Any of these. */
export function Checks({
  legend,
  values,
  onValues,
  options,
  isInLine = false,
}: {
  legend: string;
  isInLine?: boolean;
  values: readonly string[];
  onValues: (values: string[]) => void;
  options: Options<string>;
}) {
  const toggle = (name: string) =>
    onValues(values.includes(name) ? values.filter((one) => one !== name) : [...values, name]);
  return (
    <fieldset class={isInLine ? "in-line" : undefined}>
      <legend class="small">{legend}</legend>
      {options.map(([name, text]) => (
        <Check key={name} label={text} value={values.includes(name)} onValue={() => toggle(name)} />
      ))}
    </fieldset>
  );
}

/** One of these, all in sight. */
export function Radios<Value extends string>({
  legend,
  name,
  value,
  onValue,
  options,
}: {
  legend: string;
  name: string;
  value: Value;
  onValue: (value: Value) => void;
  options: Options<Value>;
}) {
  return (
    <fieldset>
      <legend class="sr">{legend}</legend>
      {options.map(([one, text]) => (
        <label key={one} class="radio">
          <input type="radio" name={name} checked={value === one} onChange={() => onValue(one)} /> {text}
        </label>
      ))}
    </fieldset>
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
