/** Where one is in the page: `#/rollouts/r7?state=failed`. Everything that can be looked at has an address. */
export interface Route {
  /** Segments, decoded; none for the overview. */
  readonly path: readonly string[];
  readonly query: Readonly<Record<string, string>>;
}

export function parseRoute(hash: string): Route {
  const [path = "", search = ""] = hash.replace(/^#/, "").split("?", 2);
  return {
    path: path
      .split("/")
      .filter((segment) => segment !== "")
      .map(decoded),
    query: Object.fromEntries(new URLSearchParams(search)),
  };
}

/** The address of a page; entries of the query that are empty or missing are left out. */
export function hrefTo(
  path: readonly string[],
  query: Readonly<Record<string, string | undefined>> = {},
): string {
  const entries = Object.entries(query).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== "",
  );
  const search = entries.length === 0 ? "" : `?${new URLSearchParams(entries)}`;
  return `#/${path.map(encodeURIComponent).join("/")}${search}`;
}

/** Addresses are typed by people too. */
function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

export const to = {
  overview: () => hrefTo([]),
  rollouts: (query: { product?: string; show?: string } = {}) => hrefTo(["rollouts"], query),
  rollout: (id: string) => hrefTo(["rollouts", id]),
  rolloutDevices: (id: string, state?: string) => hrefTo(["rollouts", id, "devices"], { state }),
  /** @param query `like`: an earlier rollout; `promote`: the shadow that a staged one is to follow. */
  newRollout: (query: { product?: string; version?: string; like?: string; promote?: string } = {}) =>
    hrefTo(["new-rollout"], query),
  approvals: () => hrefTo(["approvals"]),
  devices: (query: Readonly<Record<string, string | undefined>> = {}) => hrefTo(["devices"], query),
  device: (id: string) => hrefTo(["devices", id]),
  releases: () => hrefTo(["releases"]),
  release: (product: string, version: string) => hrefTo(["releases", product, version]),
  compare: (product: string, from: string, version: string) => hrefTo(["compare", product, from, version]),
  consumers: () => hrefTo(["consumers"]),
  trust: () => hrefTo(["trust"]),
  people: () => hrefTo(["people"]),
  audit: () => hrefTo(["audit"]),
};
