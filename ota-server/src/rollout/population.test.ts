import { DEFAULT_GATES, type RolloutPlan } from "@mote/protocol";
import { beforeAll, expect, test } from "vitest";
import { putDevice, setLastUpdateFailed, setRunning, setTags } from "../store/devices.js";
import { drawOf, placeOf, shuffleOf } from "../store/draw.js";
import { BUCKETS, bucketOf, countPopulation } from "../store/population.js";
import { putRelease } from "../store/releases.js";
import { putMember } from "../store/rollouts.js";
import type { Store } from "../store/store.js";
import { makeRelease, releaseRecord } from "../testing/release.js";
import { onEachStore, toldMember } from "../testing/stores.js";
import { cohortOf } from "./cohort.js";
import { type Boundaries, likelyBuckets } from "./likelyBuckets.js";
import { dryRun, sampleCandidates } from "./plan.js";
import { ACTIVE_WITHIN_MS, Candidates } from "./population.js";

const NOW = 1_795_000_000_000;
const FLEET = 230;
const release = releaseRecord(makeRelease(2).manifest);

function planOf(waves: RolloutPlan["waves"], query: RolloutPlan["query"] = {}): RolloutPlan {
  const rest = { preconditions: {}, approvals: 0, onFailure: "hold" as const, gates: DEFAULT_GATES };
  return { product: "digits", version: "2.0.0", query, waves, ...rest };
}

onEachStore("drawing a wave", (opened) => {
  let store: Store;
  const eligible = Array.from({ length: FLEET }, (_, i) => `cam-${i}`);

  beforeAll(async () => {
    store = opened();
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
  const draw = (plan: RolloutPlan, salt: string) =>
    store.read(async (db) => {
      const candidates = await Candidates.count(db, { plan, running: null, id: null }, release, salt, NOW);
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

  test("finds the same whether or not the count has listed the places that it needs", async () => {
    const waves = [3, 40, 120].map((count) => ({ name: `${count}`, count, soakS: 0 }));
    const target = { plan: planOf(waves), running: null, id: null };
    const draws = (boundaries: Boundaries | null) =>
      store.read(async (db) => {
        const candidates = await Candidates.count(db, target, release, "r1", NOW, boundaries);
        return { draws: await candidates.draw(waves), excluded: candidates.excluded };
      });
    expect(await draws({ waves, first: 20, beyond: 0 })).toEqual(await draws(null));
  });

  test("lists the places of the buckets that were asked for, and counts the others", async () => {
    const shuffle = shuffleOf("r1");
    const places = eligible.map((id) => placeOf(shuffle, drawOf(id))).sort((a, b) => a - b);
    const { question } = (await draw(planOf([]), "r1")).candidates;
    const count = (listed: number[]) =>
      store.read((db) => countPopulation(db, { ...question, shuffle }, new Set(listed)));
    const plain = await count([]);
    expect(plain.matched).toBe(FLEET + 4);
    const some = [0, bucketOf(places[7]!), bucketOf(places[100]!), BUCKETS - 1];
    for (const listed of [some, Array.from({ length: BUCKETS }, (_, bucket) => bucket)]) {
      const { places: found, ...counts } = await count(listed);
      expect({ ...counts, places: plain.places }).toEqual(plain);
      for (const bucket of listed) {
        expect(found.get(bucket)).toEqual(places.filter((place) => bucketOf(place) === bucket));
      }
    }
  });

  test("looks for the boundaries of a large fleet's waves where they are, and lists few places for it", async () => {
    const { question } = (await draw(planOf([]), "r1")).candidates;
    const places = eligible.map((id) => placeOf(question.shuffle, drawOf(id))).sort((a, b) => a - b);
    const likely = (boundaries: Boundaries, maxPlaces: number) =>
      store.read((db) => likelyBuckets(db, question, boundaries, { sample: 60, maxPlaces, deviations: 4 }));
    const waves = [{ share: 0.01 }, { share: 1 }];
    const few = await likely({ waves, first: 3, beyond: 2 }, 150);
    expect(few.size).toBeLessThan(BUCKETS / 3);
    for (const rank of [1, 2, 3, 4, 5]) expect(few).toContain(bucketOf(places[rank - 1]!));
    // What would list too many is left to a reading of its own; a fleet of few is listed whole.
    expect((await likely({ waves: [{ share: 0.5 }], first: 0, beyond: 0 }, 20)).size).toBeLessThan(20);
    expect((await likely({ waves, first: 3, beyond: 2 }, 10_000)).size).toBe(BUCKETS);
  });

  test("samples the devices that the salt draws first, with what they are", async () => {
    const plan = { ...planOf([{ name: "all", share: 1, soakS: 0 }]), salt: "r1" };
    const { eligible: count, devices } = await store.read((db) =>
      sampleCandidates(db, plan, release, NOW, 12),
    );
    const byCohort = [...eligible].sort((a, b) => cohortOf("r1", a) - cohortOf("r1", b));
    expect(count).toBe(FLEET);
    expect(devices.map(({ id }) => id)).toEqual(byCohort.slice(0, 12));
    expect(devices[0]).toMatchObject({ hardware: "gateway", runningSequence: 1, tags: {} });
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

  test("who runs the release already is in no wave's way: not counted, not waited for, not compared with", async () => {
    const id = "r-there";
    const there = eligible.slice(0, 30);
    const run = (sequence: number) =>
      store.write(async (db) => {
        for (const device of there) await setRunning(db, device, sequence, NOW);
      });
    await run(2);
    const target = { plan: planOf([]), running: null, id };
    const count = () => store.read((db) => Candidates.count(db, target, release, id, NOW));
    const open = async (share: number) =>
      store.read(async (db) =>
        (await Candidates.count(db, target, release, id, NOW)).open(
          { name: "wave", share, soakS: 0 },
          0,
          FLEET,
        ),
      );
    expect((await count()).excluded).toContainEqual({ reason: "runs this release already", devices: 30 });
    const left = eligible.slice(30);
    const half = await open(0.5);
    expect(half).toMatchObject({ members: left.length / 2, control: left.length / 2 });
    expect(half.controls.every(({ deviceId }) => left.includes(deviceId))).toBe(true);
    // Those that this rollout has brought there count on.
    const taken = there.slice(0, 10);
    await store.write(async (db) => {
      for (const device of taken) await putMember(db, toldMember(id, device, NOW));
    });
    expect((await count()).eligible).toBe(left.length + taken.length);
    expect(await open(1)).toMatchObject({ members: left.length + taken.length });
    await run(1);
  });

  test("a wave that was opened stays open to those whom it has let in, whoever came or left since", async () => {
    const salt = "r1";
    const plan = planOf([]);
    const open = (wave: RolloutPlan["waves"][number], atLeast: number, max = 10) =>
      store.read(async (db) =>
        (await Candidates.count(db, { plan, running: null, id: null }, release, salt, NOW)).open(
          wave,
          atLeast,
          max,
        ),
      );
    const first = await open({ name: "five", count: 5, soakS: 0 }, 0);
    expect(first).toMatchObject({ members: 5, control: FLEET - 5 });
    const byCohort = [...eligible].sort((a, b) => cohortOf(salt, a) - cohortOf(salt, b));
    expect(first.controls.map(({ deviceId }) => deviceId)).toEqual(byCohort.slice(5, 15));
    expect(first.controls.every(({ sequence }) => sequence === 1)).toBe(true);
    // As when some of the canary have gone to a drawer: by count alone the next wave would be the smaller one.
    const half = (cohortOf(salt, byCohort[99]!) + cohortOf(salt, byCohort[100]!)) / 2;
    const second = await open({ name: "six", count: 6, soakS: 0 }, half);
    expect(second).toMatchObject({ threshold: half, members: 100, control: FLEET - 100 });
    expect(second.controls.map(({ deviceId }) => deviceId)).toEqual(byCohort.slice(100, 110));
  });

  test("a rollout's own progress puts no device out of it, and its control group is drawn from the same devices", async () => {
    const id = "r-progress";
    const plan = planOf([], { running: ["1.0.0"], health: { lastUpdateFailed: false } });
    const target = { plan, running: [1], id };
    const open = (share: number) =>
      store.read(async (db) =>
        (await Candidates.count(db, target, release, id, NOW)).open(
          { name: "wave", share, soakS: 0 },
          0,
          FLEET,
        ),
      );
    const before = await open(0.1);
    expect(before).toMatchObject({ members: 23, control: FLEET - 23 });
    const members = eligible.filter((device) => cohortOf(id, device) < before.threshold);
    const [failed, ...updated] = members;
    await store.write(async (db) => {
      for (const deviceId of members) await putMember(db, toldMember(id, deviceId, NOW));
      for (const deviceId of updated) await setRunning(db, deviceId, 2, NOW);
      await setLastUpdateFailed(db, failed!, true);
    });
    const after = await open(0.5);
    expect(after).toMatchObject({ members: FLEET / 2, control: FLEET / 2 });
    expect(members.every((device) => cohortOf(id, device) < after.threshold)).toBe(true);
    // The same question of a rollout that these devices are no members of leaves them out, controls included.
    const other = await store.read((db) =>
      Candidates.count(db, { ...target, id: "r-other" }, release, id, NOW),
    );
    expect(other.eligible).toBe(FLEET - 23);
    const { controls } = await other.open({ name: "one", count: 1, soakS: 0 }, 0, FLEET);
    expect(controls).toHaveLength(FLEET - 24);
    expect(controls.some(({ deviceId }) => members.includes(deviceId))).toBe(false);
    await store.write(async (db) => {
      for (const deviceId of updated) await setRunning(db, deviceId, 1, NOW);
      await setLastUpdateFailed(db, failed!, false);
    });
  });

  test("a dry run names the nearest of what there is for every value that no device has", async () => {
    const query = {
      hardware: ["gateway", "cortex-m4"],
      tags: { regoin: "north", site: "nroth" },
      running: ["1.0.0", "2.0.1"],
      agentVersions: ["0.9"],
      deviceIds: ["cam-1", "cam-x"],
    };
    await store.write(async (db) => {
      await setTags(db, "cam-1", { region: "north", site: "north" });
      await putRelease(db, release);
      await putRelease(db, { ...release, version: "1.0.0", sequence: 1, manifest: makeRelease(1).manifest });
    });
    const { warnings } = await store.read((db) => dryRun(db, planOf([], query), release, NOW));
    expect(warnings).toContain("No device of digits is of hardware cortex-m4; nearest: cortex-m4f, gateway.");
    expect(warnings).toContain('No device of digits has a tag "regoin"; nearest: region, site.');
    expect(warnings).toContain("No device of digits has the tag site=nroth; nearest: site=north.");
    expect(warnings).toContain("digits has no release 2.0.1; nearest: 2.0.0, 1.0.0, none.");
    expect(warnings).toContain('No device of digits has the agent version "0.9".');
    expect(warnings).toContain("1 of the 2 device ids are no devices of digits: cam-x.");
    const { warnings: others } = await store.read((db) =>
      dryRun(db, planOf([], { running: ["2.0.0"], tags: { site: "north" } }), release, NOW),
    );
    expect(others).toContain("No device of digits runs 2.0.0 now.");
    expect(others.some((text) => text.includes("site"))).toBe(false);
    await store.write((db) => setTags(db, "cam-1", {}));
  });

  test("salts make draws that know nothing of each other", async () => {
    const first = (salt: string) => new Set(eligible.filter((id) => cohortOf(salt, id) < 0.5));
    const [one, other] = [first("a"), first("b")];
    const both = [...one].filter((id) => other.has(id)).length;
    // 230 devices, a quarter expected in both: five standard deviations are 33.
    expect(Math.abs(both - FLEET / 4)).toBeLessThan(33);
  });
});
