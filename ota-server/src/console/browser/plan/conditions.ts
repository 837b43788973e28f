import type { RolloutPlan } from "@mote/protocol";
import { numberOf, textOf } from "./whom.js";

/** When a device may take the release, as the form holds it, and the preconditions that it says. Pure. Text fields stay text. */

type Preconditions = RolloutPlan["preconditions"];
type Link = NonNullable<Preconditions["links"]>[number];
type Window = NonNullable<Preconditions["windows"]>[number];
export type Day = NonNullable<Window["days"]>[number];

export interface WindowDraft {
  readonly key: number;
  readonly from: string;
  readonly until: string;
  /** None: every day. */
  readonly days: readonly Day[];
}

export interface Conditions {
  readonly minBattery: string;
  readonly charging: boolean;
  readonly unmetered: boolean;
  /** Idle, and at no critical task. */
  readonly idle: boolean;
  readonly links: readonly Link[];
  readonly minFreeMb: string;
  readonly minTemperature: string;
  readonly maxTemperature: string;
  readonly windows: readonly WindowDraft[];
  readonly timeZone: string;
}

export const WHEN_IDLE: Conditions = {
  minBattery: "",
  charging: false,
  unmetered: false,
  idle: true,
  links: [],
  minFreeMb: "",
  minTemperature: "",
  maxTemperature: "",
  windows: [],
  timeZone: "",
};

const MB = 1_000_000;
let keys = 0;

/** One more, to be filled in. */
export function addWindow(windows: readonly WindowDraft[]): WindowDraft[] {
  return [...windows, { key: keys++, from: "", until: "", days: [] }];
}

export function preconditionsOf(draft: Conditions): Preconditions {
  const freeMb = numberOf(draft.minFreeMb);
  // Half a window is not wrong yet: the form asks for its other end.
  const windows = draft.windows.filter(({ from, until }) => from !== "" && until !== "").map(windowOf);
  return {
    ...typed("minBatteryPercent", draft.minBattery),
    ...(draft.charging ? { requireCharging: true } : {}),
    ...(draft.unmetered ? { allowMetered: false } : {}),
    ...(draft.links.length > 0 ? { links: [...draft.links] } : {}),
    ...(freeMb === undefined ? {} : { minFreeBytes: Math.round(freeMb * MB) }),
    ...typed("minTemperatureC", draft.minTemperature),
    ...typed("maxTemperatureC", draft.maxTemperature),
    ...(draft.idle ? { requireIdle: true, requireNoCriticalTask: true } : {}),
    ...(windows.length > 0 ? { windows } : {}),
    ...(draft.timeZone.trim() === "" ? {} : { timeZone: draft.timeZone.trim() }),
  };
}

export function conditionsOf(said: Preconditions): Conditions {
  const { links, minFreeBytes, windows = [] } = said;
  return {
    minBattery: textOf(said.minBatteryPercent),
    charging: said.requireCharging === true,
    unmetered: said.allowMetered === false,
    idle: said.requireIdle === true || said.requireNoCriticalTask === true,
    links: links ?? [],
    minFreeMb: textOf(minFreeBytes, MB),
    minTemperature: textOf(said.minTemperatureC),
    maxTemperature: textOf(said.maxTemperatureC),
    windows: windows.map(({ from, to, days }) => ({ key: keys++, from, until: to, days: days ?? [] })),
    timeZone: said.timeZone ?? "",
  };
}

function windowOf({ from, until, days }: WindowDraft): Window {
  return { ...(days.length > 0 ? { days: [...days] } : {}), from, to: until };
}

function typed(name: keyof Preconditions, text: string): Preconditions {
  const value = numberOf(text);
  return value === undefined ? {} : { [name]: value };
}
