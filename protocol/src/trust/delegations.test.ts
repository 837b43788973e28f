import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nodeSha256, nodeVerify } from "../../node/crypto.js";
import { generateKey, type SigningKey } from "../../node/keys.js";
import { TestRepository } from "../../node/test-repository.js";
import {
  MetadataFormatError,
  MetadataMissingError,
  SignatureThresholdError,
  TargetNotFoundError,
} from "../errors.js";
import { matchesPath, visitRoles } from "./delegations.js";
import { TRUST_LIMITS } from "./limits.js";
import type { DelegatedRole, Delegations, TargetFile, TargetsSigned } from "./metadata.js";
import { refresh } from "./refresh.js";
import { buildRoot, buildTargets, signRole } from "./sign.js";
import { pinRoot } from "./state.js";
import { findTarget } from "./target.js";
import { ed25519Key } from "./verify.js";

const DEPS = { sha256: nodeSha256, verify: nodeVerify };
const NOW = Date.parse("2026-06-01T00:00:00Z");

interface RolePlan {
  readonly targets?: readonly string[];
  readonly to?: readonly (Partial<DelegatedRole> & { readonly name: string })[];
}

function delegationsOf(
  to: RolePlan["to"],
  keyOf: (name: string) => SigningKey,
): { delegations?: Delegations } {
  if (to === undefined) return {};
  const keys = Object.fromEntries(
    to.map(({ name }) => [keyOf(name).keyId, ed25519Key(keyOf(name).publicKey)]),
  );
  const roles = to.map((role) => ({
    keyids: [keyOf(role.name).keyId],
    threshold: 1,
    terminating: false,
    ...(role.path_hash_prefixes === undefined ? { paths: ["*"] } : {}),
    ...role,
  }));
  return { delegations: { keys, roles } };
}

/** The order in which roles are asked for a path; stops where one names it. */
function orderOf(plan: Record<string, RolePlan>, path: string | null, max = TRUST_LIMITS.maxDelegations) {
  const key = generateKey();
  const metadata = (name: string): TargetsSigned =>
    buildTargets({ version: 1, expiresMs: NOW, targets: {}, ...delegationsOf(plan[name]?.to, () => key) });
  const none = { keyids: [], threshold: 1 };
  const roles = { root: none, timestamp: none, snapshot: none, targets: none };
  const root = buildRoot({ version: 1, expiresMs: NOW, keys: {}, roles });
  const asked: string[] = [];
  const walk = visitRoles(root, path, max, nodeSha256);
  for (let step = walk.next(); !step.done; ) {
    const { name } = step.value;
    asked.push(name);
    if (path !== null && plan[name]?.targets?.includes(path)) break;
    step = walk.next(metadata(name));
  }
  return asked;
}

describe("the order of trust", () => {
  it("is depth first, in the order in which roles are named", () => {
    const plan = {
      targets: { to: [{ name: "a" }, { name: "b" }] },
      a: { to: [{ name: "c" }] },
      b: { to: [{ name: "d" }] },
    };
    expect(orderOf(plan, "x")).toEqual(["targets", "a", "c", "b", "d"]);
  });

  it("asks nobody after a terminating role, but its own", () => {
    const plan = {
      targets: { to: [{ name: "a" }, { name: "b" }] },
      a: { to: [{ name: "c", terminating: true }, { name: "d" }] },
      c: { to: [{ name: "e" }] },
    };
    expect(orderOf(plan, "x")).toEqual(["targets", "a", "c", "e"]);
  });

  it("does not end at a terminating role that does not speak for the path", () => {
    const plan = { targets: { to: [{ name: "a", terminating: true, paths: ["y"] }, { name: "b" }] } };
    expect(orderOf(plan, "x")).toEqual(["targets", "b"]);
  });

  it("goes round no cycle twice, and visits no more roles than allowed", () => {
    const cycle = {
      targets: { to: [{ name: "a" }] },
      a: { to: [{ name: "b" }] },
      b: { to: [{ name: "a" }] },
    };
    expect(orderOf(cycle, "x")).toEqual(["targets", "a", "b"]);
    const chain = Object.fromEntries(
      Array.from({ length: 50 }, (_, i) => [i === 0 ? "targets" : `r${i}`, { to: [{ name: `r${i + 1}` }] }]),
    );
    expect(orderOf(chain, "x", 5)).toHaveLength(6);
  });

  it("loads every role when no path is asked for, terminating or not", () => {
    const plan = {
      targets: {
        to: [
          { name: "a", terminating: true, paths: ["only/*"] },
          { name: "b", paths: ["z"] },
        ],
      },
    };
    expect(orderOf(plan, null)).toEqual(["targets", "a", "b"]);
  });

  it("finds a role by the prefix of the path's digest", () => {
    const digest = Buffer.from(nodeSha256(new TextEncoder().encode("x"))).toString("hex");
    const other = digest.startsWith("0") ? "1" : "0";
    const plan = {
      targets: {
        to: [
          { name: "no", path_hash_prefixes: [other] },
          { name: "yes", path_hash_prefixes: [digest.slice(0, 2)] },
        ],
      },
    };
    expect(orderOf(plan, "x")).toEqual(["targets", "yes"]);
  });
});

describe("path patterns", () => {
  it.each([
    ["*/*/manifest.json", "reader/1.0.0/manifest.json", true],
    ["*/*/manifest.json", "reader/1.0.0/other.json", false],
    ["*/manifest.json", "reader/1.0.0/manifest.json", false],
    ["reader/*/*", "reader2/1.0.0/manifest.json", false],
    ["r?ader", "reader", true],
    ["r?ader", "rader", false],
    ["*a*b*", "xxaxxbxx", true],
    ["*a*b*", "xxbxxaxx", false],
    ["", "", true],
    ["*", "", true],
    ["[abc]", "a", false],
  ])("%s on %s: %s", (pattern, path, expected) => {
    expect(matchesPath(pattern, path)).toBe(expected);
  });

  it("agree with a plain recursive definition, and take no hostile time", () => {
    const slow = (p: string, s: string): boolean => {
      if (p === "") return s === "";
      if (p[0] === "*") return slow(p.slice(1), s) || (s !== "" && slow(p, s.slice(1)));
      return s !== "" && (p[0] === "?" || p[0] === s[0]) && slow(p.slice(1), s.slice(1));
    };
    const text = (alphabet: string[]) => fc.array(fc.constantFrom(...alphabet), { maxLength: 7 });
    fc.assert(
      fc.property(text(["a", "b", "*", "?"]), text(["a", "b"]), (pattern, path) => {
        expect(matchesPath(pattern.join(""), path.join(""))).toBe(slow(pattern.join(""), path.join("")));
      }),
      { numRuns: 1000 },
    );
    expect(matchesPath(`${"*a".repeat(200)}b`, "a".repeat(1000))).toBe(false);
  });
});

/** A repository with one delegated role, signed by `key`. */
function delegated(repository: TestRepository, key: SigningKey, paths = ["reader/*/*"]): void {
  const target: TargetFile = {
    length: 1,
    hashes: { sha256: "a".repeat(64) },
    custom: { name: "reader", version: "1.0.0", sequence: 1, hardware: ["gateway"] },
  };
  const previous = repository.delegated["team"]?.version ?? 0;
  const { delegations } = delegationsOf([{ name: "team", paths }], () => key);
  repository.delegations = delegations;
  const signed = buildTargets({
    version: previous + 1,
    expiresMs: repository.nowMs + 86_400_000,
    targets: { "reader/1.0.0/manifest.json": target, "writer/1.0.0/manifest.json": target },
  });
  repository.delegated = { team: { version: previous + 1, bytes: signRole(signed, [key]) } };
  repository.publish();
}

const PATH = "reader/1.0.0/manifest.json";
const start = (repository: TestRepository) => pinRoot(repository.files.get("1.root.json")!);

describe("a delegated role", () => {
  it("is believed for its paths and for no others", async () => {
    const repository = new TestRepository();
    delegated(repository, generateKey());
    const state = await refresh(start(repository), repository.deps());
    expect(findTarget(state, PATH, DEPS).custom.name).toBe("reader");
    expect(() => findTarget(state, "writer/1.0.0/manifest.json", DEPS)).toThrow(TargetNotFoundError);
  });

  it("that is cached is verified against its delegator of today", async () => {
    const repository = new TestRepository();
    const lost = generateKey();
    delegated(repository, lost);
    const before = await refresh(start(repository), repository.deps());
    // The delegation passes to another key; the role's file, with the same version, is still the old one.
    repository.delegations = delegationsOf([{ name: "team", paths: ["reader/*/*"] }], () =>
      generateKey(),
    ).delegations;
    repository.publish();
    await expect(refresh(before, repository.deps({ path: PATH }))).rejects.toThrow(SignatureThresholdError);
    const after = await refresh(before, repository.deps());
    expect(() => findTarget(after, PATH, DEPS)).toThrow(SignatureThresholdError);
  });

  it("that can't be had stops its own paths, not the others", async () => {
    const repository = new TestRepository();
    delegated(repository, generateKey());
    repository.files.delete("1.team.json");
    const state = await refresh(start(repository), repository.deps());
    expect(() => findTarget(state, PATH, DEPS)).toThrow(MetadataMissingError);
    expect(() => findTarget(state, "other/1.0.0/manifest.json", DEPS)).toThrow(TargetNotFoundError);
    await expect(refresh(start(repository), repository.deps({ path: PATH }))).rejects.toThrow(
      MetadataMissingError,
    );
  });

  it("may not raise a floor", async () => {
    const repository = new TestRepository();
    const key = generateKey();
    delegated(repository, key);
    const signed = buildTargets({
      version: 2,
      expiresMs: repository.nowMs + 86_400_000,
      targets: {},
      floors: { reader: 999 },
    });
    repository.delegated = { team: { version: 2, bytes: signRole(signed, [key]) } };
    repository.publish();
    const state = await refresh(start(repository), repository.deps());
    expect(state.delegated["team"]).toEqual(repository.delegated["team"]!.bytes);
    expect(state.floors).toEqual({});
  });

  it.each([
    ["shadows a top-level role", [{ name: "snapshot" }]],
    ["is named twice", [{ name: "a" }, { name: "a" }]],
    ["names paths in two ways", [{ name: "a", paths: ["*"], path_hash_prefixes: ["0"] }]],
  ])("that %s makes its delegator unreadable", async (_, to) => {
    const repository = new TestRepository();
    const key = generateKey();
    const { delegations } = delegationsOf(
      to.map((role) => ({ ...role, ...("path_hash_prefixes" in role ? { paths: ["*"] } : {}) })),
      () => key,
    );
    repository.delegations = delegations;
    repository.publish();
    await expect(refresh(start(repository), repository.deps())).rejects.toThrow(MetadataFormatError);
  });

  it("with a hostile name is a name like any other", async () => {
    const repository = new TestRepository();
    const key = generateKey();
    const name = "__proto__";
    const { delegations } = delegationsOf([{ name, paths: ["reader/*/*"] }], () => key);
    repository.delegations = delegations;
    const target = { length: 1, hashes: { sha256: "a".repeat(64) } };
    const signed = buildTargets({
      version: 1,
      expiresMs: repository.nowMs + 86_400_000,
      targets: { [PATH]: target },
    });
    repository.delegated = Object.fromEntries([[name, { version: 1, bytes: signRole(signed, [key]) }]]);
    repository.publish();
    const state = await refresh(start(repository), repository.deps());
    expect(Object.keys(state.delegated)).toEqual([name]);
  });
});
