import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_GATES, type RolloutPlan } from "@mote/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { putDevice, setRunning } from "../store/devices.js";
import type { ReleaseRecord } from "../store/releases.js";
import { Store } from "../store/store.js";
import { TestCluster, whyNoPostgres } from "../testing/postgres.js";
import { makeRelease } from "../testing/release.js";
import { cohortOf } from "./cohort.js";
import { ACTIVE_WITHIN_MS, Candidates } from "./population.js";

const NOW = 1_795_000_000_000;
const FLEET = 230;
const release: ReleaseRecord = {
  product: "digits",
  version: "2.0.0",
  sequence: 2,
  target: "digits/2.0.0/manifest.json",
  manifestSha256: "ab",
  manifestLength: 1,
  manifest: makeRelease(2).manifest,
  uploadedAtMs: 1,
};

function planOf(waves: RolloutPlan["waves"], query: RolloutPlan["query"] = {}): RolloutPlan {
  const rest = { preconditions: {}, approvals: 0, onFailure: "hold" as const, gates: DEFAULT_GATES };
  return { product: "digits", version: "2.0.0", query, waves, ...rest };
}

const reason = whyNoPostgres();
describe.each(["embedded", "postgres"] as const)("drawing a wave in the store on %s", (kind) => {
  const isAbsent = kind === "postgres" && reason !== null;
  describe.skipIf(isAbsent)(isAbsent ? `${reason}` : "membership is computed", () => {
    let cluster: TestCluster | null = null;
    let store: Store;
    const eligible = Array.from({ length: FLEET }, (_, i) => `cam-${i}`);

    beforeAll(async () => {
      if (kind === "postgres") {
        cluster = await TestCluster.start();
        store = await Store.openPostgres(cluster.makeDatabase());
      } else store = await Store.openEmbedded(mkdtempSync(join(tmpdir(), "mote-population-")));
      const add = async (id: string, hardware: string, seenMs: number | null, sequence = 1) => {
        const device = { id, product: "digits", hardware, tags: {}, publicKey: "ab", enrolledAtMs: 1 };
        await store.write((db) => putDevice(db, device));
        if (seenMs !== null) await store.write((db) => setRunning(db, id, sequence, seenMs));
      };
      await Promise.all([
        ...eligible.map((id) => add(id, "gateway", NOW - 1000)),
        add("other-board", "cortex-m4f", NOW),
        add("in-a-drawer", "gateway", NOW - ACTIVE_WITHIN_MS - 1),
        add("never-seen", "gateway", null),
        add("ahead", "gateway", NOW, 3),
      ]);
    });
    afterAll(async () => {
      await store.close();
      cluster?.remove();
    });

    const draw = (plan: RolloutPlan, salt: string) =>
      store.read(async (db) => {
        const candidates = await Candidates.count(db, plan, release, salt, NOW);
        return { candidates, draws: await candidates.draw(plan.waves) };
      });

    test("gives a wave exactly as many devices as asked, the ones that each poll finds by itself", async () => {
      for (const salt of ["r1", "r2", "r3"]) {
        const counts = [1, 5, 100, FLEET - 1];
        const waves = counts.map((count) => ({ name: `${count}`, count, soakS: 0 }));
        const { draws } = await draw(planOf(waves), salt);
        const byCohort = [...eligible].sort((a, b) => cohortOf(salt, a) - cohortOf(salt, b));
        for (const [i, count] of counts.entries()) {
          const { threshold, members, control, sample } = draws[i]!;
          expect([members, control]).toEqual([count, FLEET - count]);
          expect(eligible.filter((id) => cohortOf(salt, id) < threshold)).toHaveLength(count);
          expect(sample).toEqual(byCohort.slice(0, Math.min(20, count)));
        }
      }
    });

    test("takes shares of those who can be reached, and everybody with those still to come", async () => {
      const waves = [
        { name: "none", share: 0, soakS: 0 },
        { name: "tenth", share: 0.1, soakS: 0 },
        { name: "all", share: 1, soakS: 0 },
      ];
      const { candidates, draws } = await draw(planOf(waves), "r1");
      expect(draws.map(({ members }) => members)).toEqual([0, 23, FLEET]);
      expect(draws[2]!.threshold).toBe(1);
      expect(candidates.excluded).toEqual([
        { reason: "not seen in the last 7 days (joins when it comes back)", devices: 2 },
        { reason: "no variant for hardware cortex-m4f", devices: 1 },
        { reason: "runs a newer release", devices: 1 },
      ]);
      const nobody = await draw(
        planOf([{ name: "half", share: 0.5, soakS: 0 }], { deviceIds: ["no-such"] }),
        "r1",
      );
      expect(nobody.draws[0]).toMatchObject({ threshold: 0.5, members: 0, control: 0 });
    });

    test("salts make draws that know nothing of each other", async () => {
      const first = (salt: string) => new Set(eligible.filter((id) => cohortOf(salt, id) < 0.5));
      const [one, other] = [first("a"), first("b")];
      const both = [...one].filter((id) => other.has(id)).length;
      // 230 devices, a quarter expected in both: five standard deviations are 33.
      expect(Math.abs(both - FLEET / 4)).toBeLessThan(33);
    });
  });
});
