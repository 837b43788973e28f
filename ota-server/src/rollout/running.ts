import { nearest, type RolloutPlan } from "@mote/protocol";
import { PreconditionError } from "../errors.js";
import { listVersions } from "../store/releases.js";
import type { Db } from "../store/store.js";

export interface Running {
  /** Null where the query does not ask for running versions. */
  readonly sequences: readonly number[] | null;
  /** Their versions, in the same order. */
  readonly found: readonly string[];
  /** Versions of the query that no release of the product has. */
  readonly unknown: readonly string[];
  /** Versions that there are. */
  readonly known: readonly string[];
}

/** The query's running versions as devices tell them: by sequence. A release keeps its sequence for good. */
export async function resolveRunning(
  db: Db,
  { product, query }: Pick<RolloutPlan, "product" | "query">,
): Promise<Running> {
  if (query.running === undefined) return { sequences: null, found: [], unknown: [], known: [] };
  const sequences = new Map([["none", 0]]);
  for (const { version, sequence } of await listVersions(db, product)) sequences.set(version, sequence);
  const found = query.running.filter((version) => sequences.has(version));
  return {
    sequences: found.map((version) => sequences.get(version)!),
    found,
    unknown: query.running.filter((version) => !sequences.has(version)),
    known: [...sequences.keys()],
  };
}

/** Throws PreconditionError for versions that there are not: such a rollout could never reach them. */
export function checkRunning({ unknown, known }: Running, product: string): void {
  if (unknown.length === 0) return;
  throw new PreconditionError({
    expected: `versions of ${product} that were uploaded, in the query's "running"`,
    got: unknown.join(", "),
    todo: `Nearest: ${nearest(unknown[0]!, known).join(", ")}.`,
  });
}
