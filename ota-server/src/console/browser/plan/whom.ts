import type { RolloutPlan } from "@mote/protocol";

/** Whom a rollout is for, as the form holds it, and the query that it says. Pure. Text fields stay text. */

type Query = RolloutPlan["query"];

/** Empty: not asked. */
export type YesOrNo = "" | "true" | "false";

export interface Whom {
  readonly hardware: readonly string[];
  /** name=value, one in each line */
  readonly tags: string;
  /** Ids, parted by spaces, commas or lines. */
  readonly devices: string;
  /** Versions; "none" for devices without any. */
  readonly running: readonly string[];
  readonly agents: string;
  readonly online: YesOrNo;
  readonly seenHours: string;
  readonly lastUpdateFailed: YesOrNo;
  readonly belowFloor: YesOrNo;
  readonly maxErrorPercent: string;
}

export const EVERYBODY: Whom = {
  hardware: [],
  tags: "",
  devices: "",
  running: [],
  agents: "",
  online: "",
  seenHours: "",
  lastUpdateFailed: "",
  belowFloor: "",
  maxErrorPercent: "",
};

export function queryOf(whom: Whom): Query {
  const pairs = words(whom.tags).map((pair) => {
    const at = pair.indexOf("=");
    return [at < 0 ? pair : pair.slice(0, at), at < 0 ? "" : pair.slice(at + 1)] as const;
  });
  const health = healthOf(whom);
  return {
    ...listed("hardware", whom.hardware),
    ...(pairs.length > 0 ? { tags: Object.fromEntries(pairs) } : {}),
    ...listed("deviceIds", words(whom.devices)),
    ...listed("running", whom.running),
    ...listed("agentVersions", words(whom.agents)),
    ...(Object.keys(health).length > 0 ? { health } : {}),
  };
}

export function whomOf({ hardware, tags, deviceIds, running, agentVersions, health = {} }: Query): Whom {
  const { online, seenWithinS, lastUpdateFailed, belowFloor, maxErrorRate } = health;
  return {
    hardware: hardware ?? [],
    tags: Object.entries(tags ?? {})
      .map(([name, value]) => `${name}=${value}`)
      .join("\n"),
    devices: (deviceIds ?? []).join("\n"),
    running: running ?? [],
    agents: (agentVersions ?? []).join("\n"),
    online: yesOrNo(online),
    seenHours: textOf(seenWithinS, 3600),
    lastUpdateFailed: yesOrNo(lastUpdateFailed),
    belowFloor: yesOrNo(belowFloor),
    maxErrorPercent: maxErrorRate === undefined ? "" : percentText(maxErrorRate),
  };
}

function healthOf(whom: Whom): NonNullable<Query["health"]> {
  const [seenHours, maxErrorPercent] = [numberOf(whom.seenHours), numberOf(whom.maxErrorPercent)];
  return {
    ...answered("online", whom.online),
    ...(seenHours === undefined ? {} : { seenWithinS: 3600 * seenHours }),
    ...answered("lastUpdateFailed", whom.lastUpdateFailed),
    ...answered("belowFloor", whom.belowFloor),
    ...(maxErrorPercent === undefined ? {} : { maxErrorRate: maxErrorPercent / 100 }),
  };
}

function listed<Name extends keyof Query>(name: Name, values: readonly string[]): Pick<Query, Name> | object {
  return values.length > 0 ? { [name]: [...values] } : {};
}

function answered(name: string, value: YesOrNo): object {
  return value === "" ? {} : { [name]: value === "true" };
}

function yesOrNo(value: boolean | undefined): YesOrNo {
  return value === undefined ? "" : value ? "true" : "false";
}

function words(text: string): string[] {
  return text.split(/[\s,]+/).filter((word) => word !== "");
}

/** A number that is typed or not. */
export function numberOf(text: string): number | undefined {
  return text.trim() === "" ? undefined : Number(text);
}

/** The other way round. @param unit of the field, in the plan's. */
export function textOf(value: number | undefined, unit = 1): string {
  return value === undefined ? "" : String(value / unit);
}

/** 0.07 as "7", without what floating point adds. */
export function percentText(share: number): string {
  return String(Number((100 * share).toPrecision(12)));
}
