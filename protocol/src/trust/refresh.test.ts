import { describe, expect, it } from "vitest";
import { TestRepository } from "../../node/test-repository.js";
import { MetadataExpiredError, MetadataMissingError, SignatureThresholdError } from "../errors.js";
import { refresh } from "./refresh.js";
import { signRole } from "./sign.js";
import { pinRoot, type TrustState, trustStateFromJson, trustStateToJson } from "./state.js";

function pinned(repository: TestRepository): TrustState {
  return pinRoot(repository.files.get("1.root.json")!);
}

describe("refresh", () => {
  it("goes from a pinned root to trusted targets and persists each step", async () => {
    const repository = new TestRepository();
    const persisted: TrustState[] = [];
    const state = await refresh(
      pinned(repository),
      repository.deps({ persist: async (next) => void persisted.push(next) }),
    );
    expect(state.targets).toEqual(repository.files.get("1.targets.json"));
    expect(
      persisted.map((s) => [s.timestamp, s.snapshot, s.targets].filter((b) => b !== null).length),
    ).toEqual([1, 2, 3]);
    expect(persisted.at(-1)).toEqual(state);
  });

  it("fetches nothing but the next root and the timestamp when nothing is new", async () => {
    const repository = new TestRepository();
    const state = await refresh(pinned(repository), repository.deps());
    const asked: string[] = [];
    const again = await refresh(
      state,
      repository.deps({
        fetch: async (file) => {
          asked.push(file);
          return repository.files.get(file) ?? null;
        },
      }),
    );
    expect(asked).toEqual(["2.root.json", "timestamp.json"]);
    expect(again).toEqual(state);
  });

  it("carries on after being cut at any fetch or persist", async () => {
    const repository = new TestRepository();
    repository.floors = { reader: 2 };
    repository.publishRoot();
    repository.publish();
    const whole = await refresh(pinned(repository), repository.deps());
    for (let cutAt = 0, isCut = true; isCut; cutAt++) {
      isCut = false;
      let stored = pinned(repository);
      let calls = 0;
      const cut = () => {
        if (calls++ !== cutAt) return;
        isCut = true;
        throw new Error("power cut");
      };
      const deps = repository.deps({
        fetch: async (file) => {
          cut();
          return repository.files.get(file) ?? null;
        },
        persist: async (next) => {
          cut();
          stored = next;
        },
      });
      await refresh(stored, deps).catch(() => {});
      expect(await refresh(stored, repository.deps())).toEqual(whole);
    }
  });

  it("survives being written to JSON and read back", async () => {
    const repository = new TestRepository();
    repository.floors = { reader: 3 };
    repository.publish();
    const state = await refresh(pinned(repository), repository.deps());
    expect(trustStateFromJson(JSON.parse(JSON.stringify(trustStateToJson(state))))).toEqual(state);
  });

  it("walks several rotations of the root in one go", async () => {
    const repository = new TestRepository();
    const start = pinned(repository);
    for (let i = 0; i < 3; i++) {
      const before = repository.roles.root;
      const fresh = new TestRepository().roles.root;
      repository.roles.root = { keys: [...before.keys.slice(1), fresh.keys[0]!], threshold: 2 };
      repository.publishRoot(before.keys);
    }
    const state = await refresh(start, repository.deps());
    expect(state.root).toEqual(repository.files.get("4.root.json"));
  });

  it("keeps signed time as a device's clock, and never lets the device's own clock into it", async () => {
    const repository = new TestRepository();
    const state = await refresh(pinned(repository), repository.deps({ clockMs: null }));
    expect(state.timeMs).toBe(repository.nowMs);
    const farFuture = repository.nowMs + 3_600_000;
    const later = await refresh(state, repository.deps({ clockMs: farFuture }));
    expect(later.timeMs).toBe(repository.nowMs);
  });

  it("does not believe a clock that was turned back", async () => {
    const repository = new TestRepository();
    const state = await refresh(pinned(repository), repository.deps());
    const oldTimestamp = repository.files.get("timestamp.json")!;
    repository.nowMs += 3 * 86_400_000;
    repository.publishFreshness();
    const later = await refresh(state, repository.deps());
    const frozen = { ...later, timestamp: oldTimestamp };
    repository.files.set("timestamp.json", oldTimestamp);
    await expect(refresh(frozen, repository.deps({ clockMs: 0 }))).rejects.toThrow(MetadataExpiredError);
  });

  it("goes no step from a root that its own keys have not signed: a draft, pinned by mistake", async () => {
    const repository = new TestRepository();
    const { signed } = JSON.parse(new TextDecoder().decode(repository.files.get("1.root.json")!));
    const draft = pinRoot(signRole(signed, repository.roles.root.keys.slice(0, 1)));
    await expect(refresh(draft, repository.deps())).rejects.toThrow(SignatureThresholdError);
  });

  it("says which file the repository lacks", async () => {
    const repository = new TestRepository();
    repository.files.delete("timestamp.json");
    const failure = refresh(pinned(repository), repository.deps());
    await expect(failure).rejects.toThrow(MetadataMissingError);
    await expect(failure).rejects.toThrow(/timestamp\.json/);
  });
});
