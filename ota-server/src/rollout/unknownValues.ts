import type { RolloutPlan } from "@mote/protocol";
import { hasDevice, hasTagNamed, knownIds, listHardware, sampleDevices } from "../store/census.js";
import type { Db } from "../store/store.js";
import { nearest } from "./nearest.js";
import type { Running } from "./running.js";

/** Devices out of whose tags and agents' versions suggestions are made. */
const SAMPLE = 5000;
/** Ids that are written out. */
const SHOWN = 5;

/**
 * Values of a query that no device has: the typing errors of an operator, each with the nearest of what there is. Looks
 * far only for what is missing.
 */
export async function unknownValues(
  db: Db,
  { product, query }: Pick<RolloutPlan, "product" | "query">,
  running: Running,
): Promise<string[]> {
  const missing: { readonly what: string; readonly nearest: () => Promise<string[]> | string[] }[] = [];
  const sample = lazy(() => sampleDevices(db, product, SAMPLE));
  if (query.hardware !== undefined) {
    const known = await listHardware(db, product);
    for (const name of query.hardware.filter((one) => !known.includes(one))) {
      missing.push({ what: `is of hardware ${name}`, nearest: () => nearest(name, known) });
    }
  }
  for (const [name, value] of Object.entries(query.tags ?? {})) {
    if (await hasDevice(db, { product, tags: { [name]: value } })) continue;
    if (await hasTagNamed(db, product, name)) {
      const valuesOf = async () => new Set((await sample()).flatMap(({ tags }) => tags[name] ?? []));
      const nearestTags = async () => nearest(value, await valuesOf()).map((one) => `${name}=${one}`);
      missing.push({ what: `has the tag ${name}=${value}`, nearest: nearestTags });
    } else {
      const namesOf = async () => new Set((await sample()).flatMap(({ tags }) => Object.keys(tags)));
      missing.push({ what: `has a tag "${name}"`, nearest: async () => nearest(name, await namesOf()) });
    }
  }
  for (const version of query.agentVersions ?? []) {
    if (await hasDevice(db, { product, state: { agentVersions: [version] } })) continue;
    const versionsOf = async () => new Set((await sample()).map(({ agentVersion }) => agentVersion));
    missing.push({
      what: `has the agent version "${version}"`,
      nearest: async () => nearest(version, await versionsOf()),
    });
  }
  const warnings = running.unknown.map(
    (version) =>
      `${product} has no release ${version}; nearest: ${nearest(version, running.known).join(", ")}.`,
  );
  for (const one of missing) {
    const near = (await one.nearest()).filter((name) => name !== "");
    warnings.push(
      `No device of ${product} ${one.what}${near.length === 0 ? "" : `; nearest: ${near.join(", ")}`}.`,
    );
  }
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

function idsText(product: string, strange: readonly string[], asked: number): string {
  const more = strange.length > SHOWN ? ", …" : "";
  return `${strange.length} of the ${asked} device ids are no devices of ${product}: ${strange.slice(0, SHOWN).join(", ")}${more}.`;
}

function lazy<T>(read: () => Promise<T>): () => Promise<T> {
  let held: Promise<T> | undefined;
  return () => {
    held ??= read();
    return held;
  };
}
