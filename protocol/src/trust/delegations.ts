import { type Sha256, toHex, utf8 } from "../bytes.js";
import type { RootSigned, TargetsSigned } from "./metadata.js";
import { type Delegation, topLevelDelegation } from "./steps.js";

/** A role that speaks for a target path, in the order of its delegator's trust. */
export interface DelegatedTo {
  readonly name: string;
  readonly terminating: boolean;
  readonly by: Delegation;
}

/**
 * 5.6.7: preorder depth-first over targets and the roles it delegates to; cycles are cut, and at most `maxDelegations`
 * roles beside targets are visited. Yields a role, and wants its verified metadata back (null: could not be had).
 *
 * @param path only roles that may speak for it; null visits all, and then a terminating role ends nothing.
 */
export function* visitRoles(
  root: RootSigned,
  path: string | null,
  maxDelegations: number,
  sha256: Sha256,
): Generator<DelegatedTo, void, TargetsSigned | null> {
  let stack: DelegatedTo[] = [
    { name: "targets", terminating: false, by: topLevelDelegation(root, "targets") },
  ];
  const visited = new Set<string>();
  while (visited.size <= maxDelegations) {
    const role = stack.pop();
    if (role === undefined) return;
    if (visited.has(role.name)) continue;
    visited.add(role.name);
    const targets = yield role;
    if (targets === null) continue;
    const children = delegationsFor(targets, path, sha256);
    const last = children.findIndex((child) => child.terminating);
    if (last >= 0) {
      children.length = last + 1;
      stack = [];
    }
    stack.push(...children.reverse());
  }
}

/** 5.6.7.2: the delegated roles of `targets` that may speak for `path`; for every path when it is null. */
function delegationsFor(targets: TargetsSigned, path: string | null, sha256: Sha256): DelegatedTo[] {
  const { delegations } = targets;
  if (delegations === undefined) return [];
  const { keys, roles, succinct_roles: succinct } = delegations;
  if (succinct !== undefined) {
    const names = path === null ? [] : [binName(succinct.name_prefix, succinct.bit_length, path, sha256)];
    return names.map((name) => ({ name, terminating: true, by: { keys, role: succinct } }));
  }
  const wanted: DelegatedTo[] = [];
  for (const role of roles ?? []) {
    if (path !== null && !speaksFor(role, path, sha256)) continue;
    wanted.push({ name: role.name, terminating: path !== null && role.terminating, by: { keys, role } });
  }
  return wanted;
}

function speaksFor(
  role: { readonly paths?: readonly string[]; readonly path_hash_prefixes?: readonly string[] },
  path: string,
  sha256: Sha256,
): boolean {
  if (role.paths !== undefined) return role.paths.some((pattern) => matchesPath(pattern, path));
  const digest = toHex(sha256(utf8(path)));
  return (role.path_hash_prefixes ?? []).some((prefix) => digest.startsWith(prefix));
}

/** Shell-style `*` and `?`, neither of which crosses a slash. */
export function matchesPath(pattern: string, path: string): boolean {
  const patterns = pattern.split("/");
  const parts = path.split("/");
  return patterns.length === parts.length && parts.every((part, i) => matchesPart(patterns[i]!, part));
}

/** Greedy with one point of return, so that no hostile pattern can make it backtrack exponentially. */
function matchesPart(pattern: string, part: string): boolean {
  let p = 0;
  let s = 0;
  let star = -1;
  let resume = 0;
  while (s < part.length) {
    if (p < pattern.length && pattern[p] === "*") {
      star = p++;
      resume = s;
    } else if (p < pattern.length && (pattern[p] === "?" || pattern[p] === part[s])) {
      p++;
      s++;
    } else if (star >= 0) {
      p = star + 1;
      s = ++resume;
    } else {
      return false;
    }
  }
  while (pattern[p] === "*") p++;
  return p === pattern.length;
}

/** TAP 15: the bin is the first bits of the path's digest. */
function binName(prefix: string, bitLength: number, path: string, sha256: Sha256): string {
  const digest = sha256(utf8(path));
  const word = new DataView(digest.buffer, digest.byteOffset).getUint32(0);
  const bin = Math.floor(word / 2 ** (32 - bitLength));
  const digits = (2 ** bitLength - 1).toString(16).length;
  return `${prefix}-${bin.toString(16).padStart(digits, "0")}`;
}
