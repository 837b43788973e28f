import { nearest, type RolloutPlan } from "@mote/protocol";
import {
  hasDevice,
  knownIds,
  listHardware,
  sampleDevices,
  type Trait,
  traitsOfNobody,
} from "../store/census.js";
import type { Db } from "../store/store.js";
import type { Running } from "./running.js";

/** Devices out of whose tags and agents' versions suggestions are made. */
const SAMPLE = 5000;
/** Ids that are written out. */
const SHOWN = 5;

/**
 * Values of a query that no device has: the typing errors of an operator, each with the nearest of what there is. Looks
 * far only for what is missing.
 *
 * @param hasMatch a device matches the query: then its tags are had by one.
 */
export async function unknownValues(
  db: Db,
  { product, query }: Pick<RolloutPlan, "product" | "query">,
  running: Running,
  hasMatch: boolean,
): Promise<string[]> {
  const warnings = running.unknown.map(
    (version) =>
      `${product} has no release ${version}; nearest: ${nearest(version, running.known).join(", ")}.`,
  );
  if (query.hardware !== undefined) {
    const known = await listHardware(db, product);
    for (const name of query.hardware.filter((one) => !known.includes(one))) {
      warnings.push(missing(product, `is of hardware ${name}`, nearest(name, known)));
    }
  }
  warnings.push(...(await unknownTraits(db, product, hasMatch ? { ...query, tags: {} } : query)));
  if (query.deviceIds !== undefined) {
    const known = await knownIds(db, product, query.deviceIds);
    const strange = query.deviceIds.filter((id) => !known.has(id));
    if (strange.length > 0) warnings.push(idsText(product, strange, query.deviceIds.length));
  }
  for (const [i, sequence] of (running.sequences ?? []).entries()) {
    if (await hasDevice(db, { product, state: { sequences: [sequence] } })) continue;
    warnings.push(`No device of ${product} runs ${running.found[i]} now.`);
  }
  return warnings;
}

async function unknownTraits(db: Db, product: string, query: RolloutPlan["query"]): Promise<string[]> {
  const tags = Object.entries(query.tags ?? {});
  const versions = query.agentVersions ?? [];
  if (tags.length + versions.length === 0) return [];
  // Nearly everything that is asked for is found in a sample; only for what is not the whole fleet is read, once.
  const sample = await sampleDevices(db, product, SAMPLE);
  const names = new Set(sample.flatMap((device) => Object.keys(device.tags)));
  const valuesOf = (name: string) => new Set(sample.flatMap((device) => device.tags[name] ?? []));
  const agents = new Set(sample.map(({ agentVersion }) => agentVersion));
  const unseen: Trait[] = [
    ...tags.filter(([name, value]) => !valuesOf(name).has(value)).map((tag) => ({ tag })),
    ...tags.filter(([name]) => !names.has(name)).map(([tagName]) => ({ tagName })),
    ...versions.filter((version) => !agents.has(version)).map((agentVersion) => ({ agentVersion })),
  ];
  const nobodys = await traitsOfNobody(db, product, unseen);
  const strange = new Set(nobodys.flatMap((trait) => ("tagName" in trait ? [trait.tagName] : [])));
  return nobodys.flatMap((trait) => {
    if ("tagName" in trait) {
      return missing(product, `has a tag "${trait.tagName}"`, nearest(trait.tagName, names));
    }
    if ("agentVersion" in trait) {
      const near = nearest(trait.agentVersion, agents);
      return missing(product, `has the agent version "${trait.agentVersion}"`, near);
    }
    const [name, value] = trait.tag;
    if (strange.has(name)) return [];
    const near = nearest(value, valuesOf(name)).map((one) => `${name}=${one}`);
    return missing(product, `has the tag ${name}=${value}`, near);
  });
}

function missing(product: string, what: string, near: readonly string[]): string {
  const named = near.filter((name) => name !== "");
  return `No device of ${product} ${what}${named.length === 0 ? "" : `; nearest: ${named.join(", ")}`}.`;
}

function idsText(product: string, strange: readonly string[], asked: number): string {
  const more = strange.length > SHOWN ? ", …" : "";
  return `${strange.length} of the ${asked} device ids are no devices of ${product}: ${strange.slice(0, SHOWN).join(", ")}${more}.`;
}
