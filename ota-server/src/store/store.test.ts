import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EMPTY_SUMS, PARAMS_LAYOUT_SCHEMA, type TelemetrySums } from "@mote/protocol";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { TestCluster, whyNoPostgres } from "../testing/postgres.js";
import { makeRelease, releaseRecord } from "../testing/release.js";
import { AUDIT_START, listAudit, runAudited, walkAudit } from "./audit.js";
import { readCounter } from "./counters.js";
import {
  countDdiDevices,
  type DdiCredential,
  type DdiDevice,
  findDdiCredential,
  findDdiDevice,
  listDdiCredentials,
  putDdiCredential,
  putDdiDevice,
  revokeDdiCredential,
} from "./ddi.js";
import {
  countByRelease,
  type DeviceState,
  findDevice,
  listDevices,
  putDevice,
  revokeDevice,
  setOnline,
  updateDeviceState,
} from "./devices.js";
import { countEnrolment, findEnrolmentToken, putEnrolmentTokens, useEnrolmentToken } from "./enrolment.js";
import { findLayouts, putLayout } from "./layouts.js";
import { findPatches, putPatch } from "./patches.js";
import { findPersonByToken, putPerson } from "./people.js";
import { findRelease, findReleaseBySequence, putRelease } from "./releases.js";
import { addReport, listReports } from "./reports.js";
import {
  countBusyMembers,
  countMembers,
  findMember,
  listRollouts,
  type Member,
  putMember,
  putRollout,
  returnMembers,
  sampleMembers,
  summarizeMembers,
} from "./rollouts.js";
import { getSetting, setSetting } from "./settings.js";
import { Store } from "./store.js";
import { addFrame, compactTelemetry, sumByDevice, sumTelemetry } from "./telemetry.js";
import { findNewest, findTrustFile, putTrustFiles } from "./trustFiles.js";

/** The store's contract: whatever database is below, these hold. */
const EMBEDDED = ["better-sqlite3", "node-sqlite3-wasm"] as const;

const nativeLoads = await (async () => {
  try {
    const { default: Database } = await import("better-sqlite3");
    new Database(":memory:").close();
    return true;
  } catch {
    return false;
  }
})();

describe.each(EMBEDDED)("the store on %s", (driver) => {
  const absent = driver === "better-sqlite3" && !nativeLoads;
  const name = absent ? `${driver} does not load here` : driver;
  describe.skipIf(absent)(name, () => {
    describe("holds the contract", () =>
      contract(driver, () => {
        const folder = mkdtempSync(join(tmpdir(), "mote-store-"));
        return {
          open: () => Store.openEmbedded(folder, driver),
          remove: () => rmSync(folder, { recursive: true }),
        };
      }));

    test("is one server's alone while it runs, and free again after a crash", async () => {
      const folder = mkdtempSync(join(tmpdir(), "mote-store-"));
      // Another living process: the one that started this test.
      writeFileSync(join(folder, "server.lock"), `${process.ppid}\n`);
      await expect(Store.openEmbedded(folder, driver)).rejects.toMatchObject({ code: "MOTE_STORE" });
      writeFileSync(join(folder, "server.lock"), "999999999\n");
      const store = await Store.openEmbedded(folder, driver);
      await store.ping();
      await store.close();
      rmSync(folder, { recursive: true });
    });
  });
});

describe("the store on postgres", () => {
  const reason = whyNoPostgres();
  describe.skipIf(reason !== null)(reason ?? "PostgreSQL in a cluster of its own", () => {
    let cluster: TestCluster;
    beforeAll(async () => {
      cluster = await TestCluster.start();
    });
    afterAll(() => cluster.remove());
    describe("holds the contract", () =>
      contract("postgres", () => {
        const url = cluster.makeDatabase();
        return { open: () => Store.openPostgres(url), remove: () => undefined };
      }));

    test("says which database it can't reach, without its password", async () => {
      const refused = Store.openPostgres("postgres://mote:hush@127.0.0.1:1/none");
      await expect(refused).rejects.toMatchObject({
        code: "MOTE_STORE",
        message: expect.not.stringContaining("hush"),
      });
    });

    test("takes writes again by itself after the database was gone", async () => {
      const store = await Store.openPostgres(cluster.makeDatabase());
      await store.write((db) => setSetting(db, "a", "1"));
      cluster.kill();
      await expect(store.write((db) => setSetting(db, "a", "2"))).rejects.toMatchObject({
        code: "MOTE_STORE",
      });
      await cluster.up();
      await store.write((db) => setSetting(db, "a", "3"));
      expect(await store.read((db) => getSetting(db, "a"))).toBe("3");
      await store.close();
    });
  });
});

interface Place {
  open(): Promise<Store>;
  remove(): void;
}

function contract(driver: Store["driver"], makePlace: () => Place): void {
  let place: Place;
  let store: Store;

  beforeEach(async () => {
    place = makePlace();
    store = await place.open();
  });
  afterEach(async () => {
    await store.close();
    place.remove();
  });

  const reopen = async () => {
    await store.close();
    store = await place.open();
  };
  const addDevice = (id: string, tags: Record<string, string> = {}) =>
    store.write((db) =>
      putDevice(db, {
        id,
        product: "digits",
        hardware: "gateway",
        tags,
        publicKey: "ab".repeat(32),
        enrolledAtMs: 5,
      }),
    );
  const polled: DeviceState = {
    lastSeenMs: 1_795_000_000_000,
    runningSequence: 2,
    artifactSha256: "cd".repeat(32),
    held: ["ef".repeat(32)],
    floor: 1,
    codecs: ["tensor"],
    agentVersion: "0.1.0",
    batteryPercent: 80,
    freeBytes: 8_000_000_000,
    conditions: {
      charging: true,
      metered: null,
      link: "wifi",
      temperatureC: 21.5,
      busy: false,
      inCriticalTask: false,
      timeZone: "Europe/Berlin",
    },
    canShadow: true,
    canHold: false,
  };

  test("says which database serves, and what that costs", () => {
    expect(store.driver).toBe(driver);
    expect(store.notes.length).toBe(driver === "node-sqlite3-wasm" ? 1 : 0);
  });

  test("gives back after a restart what was written", async () => {
    await addDevice("cam-1", { site: "north", room: "2" });
    await store.write((db) => updateDeviceState(db, "cam-1", polled));
    await reopen();
    const device = await store.read((db) => findDevice(db, "cam-1"));
    expect(device).toMatchObject({ id: "cam-1", tags: { room: "2", site: "north" }, ...polled });
  });

  test("finds devices by tags as they are, with no wildcard in them", async () => {
    await addDevice("cam-1", { site: "north" });
    await addDevice("cam-2", { site: "n%th" });
    await addDevice("cam-3", { site: "north-east" });
    const ids = async (tags: Record<string, string>) =>
      (await store.read((db) => listDevices(db, { tags }, { limit: 10 }))).map((device) => device.id);
    expect(await ids({ site: "north" })).toEqual(["cam-1"]);
    expect(await ids({ site: "n%th" })).toEqual(["cam-2"]);
    expect(await ids({ site: "n_rth" })).toEqual([]);
  });

  test("pages through devices in the order of their ids", async () => {
    for (const id of ["b", "a", "c"]) await addDevice(id);
    const page = await store.read((db) => listDevices(db, {}, { after: "a", limit: 1 }));
    expect(page.map((device) => device.id)).toEqual(["b"]);
  });

  test("counts devices by release as numbers", async () => {
    await addDevice("cam-1");
    await addDevice("cam-2");
    await store.write((db) => updateDeviceState(db, "cam-2", polled));
    await store.write((db) => setOnline(db, "cam-2", true, 9));
    expect(await store.read(countByRelease)).toEqual([
      { product: "digits", sequence: 0, devices: 1, online: 0 },
      { product: "digits", sequence: 2, devices: 1, online: 1 },
    ]);
    expect(await store.write((db) => revokeDevice(db, "cam-1", 7))).toBe(true);
    expect(await store.write((db) => revokeDevice(db, "cam-1", 8))).toBe(false);
    expect(await store.read(countByRelease)).toHaveLength(1);
  });

  test("counts a telemetry frame once, however often it comes", async () => {
    await addDevice("cam-1");
    const key = { deviceId: "cam-1", releaseSequence: 2, bucketMs: 1000 };
    const add = (frame: number) => store.write((db) => addFrame(db, key, 5, frame, sums(10)));
    expect(await add(0)).toBe(true);
    expect(await add(0)).toBe(false);
    expect(await add(1)).toBe(true);
    await reopen();
    expect(await add(1)).toBe(false);
    const total = await store.read((db) => sumTelemetry(db, "cam-1", 2, 0, 2000));
    expect(total).toEqual({ ...sums(20), windows: 2, latencyMaxUs: 7 });
  });

  test("counts windows and reports with what they tell of, without reading them again", async () => {
    await addDevice("cam-1");
    const key = { deviceId: "cam-1", releaseSequence: 2, bucketMs: 1000 };
    await Promise.all([0, 1, 1, 2].map((i) => store.write((db) => addFrame(db, key, 5, i, sums(10)))));
    const failing = store.write(async (db) => {
      await addFrame(db, key, 5, 3, sums(10));
      throw new Error("undone");
    });
    await expect(failing).rejects.toThrow("undone");
    await reopen();
    expect(await store.read((db) => readCounter(db, "windows"))).toBe(3);
    expect(await store.read((db) => readCounter(db, "reports"))).toBe(0);
  });

  test("rolls telemetry up without changing any sum", async () => {
    await addDevice("cam-1");
    for (let i = 0; i < 6; i++) {
      const key = { deviceId: "cam-1", releaseSequence: 2, bucketMs: 1000 * i };
      await store.write((db) => addFrame(db, key, 5, i, sums(10)));
    }
    const before = await store.read((db) => sumTelemetry(db, "cam-1", 2, 0, 10_000));
    const compact = (after: string) =>
      store.write((db) => compactTelemetry(db, after, 4000, (ms) => Math.floor(ms / 4000) * 4000));
    expect(await compact("")).toEqual({ gone: 3, last: "cam-1" });
    expect(await compact("")).toEqual({ gone: 0, last: "cam-1" });
    expect(await compact("cam-1")).toEqual({ gone: 0, last: null });
    expect(await store.read((db) => sumTelemetry(db, "cam-1", 2, 0, 10_000))).toEqual(before);
  });

  test("keeps a report once and lists the newest first", async () => {
    const report = {
      id: "report-01",
      offerId: "r1:update",
      atMs: 1,
      phase: "confirmed" as const,
      code: "ok" as const,
      runningSequence: 2,
      targetSequence: 2,
      artifactSha256: null,
      downloadedBytes: 1,
      codec: null,
      detail: "",
    };
    expect(await store.write((db) => addReport(db, "cam-1", report, 10))).toBe(true);
    expect(await store.write((db) => addReport(db, "cam-1", report, 11))).toBe(false);
    await store.write((db) => addReport(db, "cam-1", { ...report, id: "report-02" }, 12));
    const listed = await store.read((db) => listReports(db, "cam-1", 10));
    expect(listed.map(({ report: one, receivedAtMs }) => [one.id, receivedAtMs])).toEqual([
      ["report-02", 12],
      ["report-01", 10],
    ]);
  });

  test("keeps releases, and refuses a second one of the same sequence", async () => {
    const { manifest } = makeRelease(4);
    const release = releaseRecord(manifest);
    await store.write((db) => putRelease(db, release));
    expect(await store.read((db) => findRelease(db, "digits", "4.0.0"))).toEqual(release);
    expect(await store.read((db) => findReleaseBySequence(db, "digits", 4))).toEqual(release);
    const taken = { ...release, version: "4.0.1" };
    await expect(store.write((db) => putRelease(db, taken))).rejects.toThrow();
    // A statement that failed once works again.
    await store.write((db) => putRelease(db, { ...taken, sequence: 5 }));
    expect(await store.read((db) => findReleaseBySequence(db, "digits", 5))).toMatchObject({
      version: "4.0.1",
    });
  });

  test("keeps metadata byte for byte and finds the newest version", async () => {
    const body = new Uint8Array([0, 255, 10, 13]);
    const file = (version: number) => ({ file: `${version}.targets.json`, role: "targets", version, body });
    await store.write((db) => putTrustFiles(db, [file(9), file(10)], 1));
    expect(await store.read((db) => findTrustFile(db, "9.targets.json"))).toEqual(body);
    expect((await store.read((db) => findNewest(db, "targets")))?.version).toBe(10);
  });

  test("keeps rollouts, members and patches", async () => {
    const rollout = {
      id: "r1",
      product: "digits",
      sequence: 2,
      number: 1,
      active: true,
      state: '{"a":1}',
      createdAtMs: 1,
      updatedAtMs: 1,
    };
    await store.write((db) => putRollout(db, rollout));
    await store.write((db) => putRollout(db, { ...rollout, state: '{"a":2}', updatedAtMs: 2 }));
    expect(await store.read(listRollouts)).toEqual([{ ...rollout, state: '{"a":2}', updatedAtMs: 2 }]);
    const member: Member = {
      rolloutId: "r1",
      deviceId: "cam-1",
      wave: 0,
      previousSequence: 1,
      state: "offered",
      code: null,
      attempts: 1,
      offeredAtMs: 3,
      settledAtMs: null,
      downloadedBytes: 0,
      codec: null,
      detail: null,
      retryAtMs: null,
    };
    await store.write((db) => putMember(db, member));
    const waiting = { ...member, deviceId: "cam-2", code: "waiting-preconditions", detail: "windows" };
    await store.write((db) => putMember(db, { ...waiting, retryAtMs: 1_795_000_000_000 }));
    expect(await store.read((db) => findMember(db, "r1", "cam-2"))).toEqual({
      ...waiting,
      retryAtMs: 1_795_000_000_000,
    });
    expect(await store.read((db) => countBusyMembers(db, "r1", 2))).toEqual({ toldSince: 2, atIt: 1 });
    expect(await store.read((db) => countBusyMembers(db, "r1", 3))).toEqual({ toldSince: 0, atIt: 1 });
    const confirmed = { ...member, state: "confirmed" as const, settledAtMs: 4, codec: "tensor" };
    await store.write((db) => putMember(db, confirmed));
    expect(await store.read((db) => findMember(db, "r1", "cam-1"))).toEqual(confirmed);
    const counts = await store.read((db) => countMembers(db, "r1"));
    expect(counts.sort((a, b) => (a.state < b.state ? -1 : 1))).toEqual([
      { wave: 0, state: "confirmed", devices: 1 },
      { wave: 0, state: "offered", devices: 1 },
    ]);
    await addDevice("cam-1");
    const key = { deviceId: "cam-1", releaseSequence: 2, bucketMs: 0 };
    await store.write((db) => addFrame(db, key, 5, 0, sums(3)));
    const wanted = { deviceId: "cam-1", releaseSequence: 2, fromMs: 0, toMs: 1 };
    const none = { ...wanted, deviceId: "cam-2" };
    expect(await store.read((db) => sumByDevice(db, [wanted, none]))).toEqual(
      new Map([["cam-1", expect.objectContaining({ windows: 1, inferences: 3, confidenceCount: 3 })]]),
    );
    expect(await store.read((db) => summarizeMembers(db, "r1", 0))).toEqual({
      ...{ all: 2, staged: 0, confirmed: 1, failed: 0, late: 0, returning: 0, updated: 2 },
    });
    expect(await store.read((db) => sampleMembers(db, "r1", 5))).toContainEqual(confirmed);
    await store.write((db) => returnMembers(db, "r1", 1));
    expect((await store.read((db) => findMember(db, "r1", "cam-1")))?.state).toBe("confirmed");
    await store.write((db) => returnMembers(db, "r1", 0));
    expect((await store.read((db) => findMember(db, "r1", "cam-1")))?.state).toBe("returning");
    const patch = { baseSha256: "aa", targetSha256: "bb", codec: "tensor", sha256: "cc", length: 4 };
    await store.write((db) => putPatch(db, patch));
    expect(await store.read((db) => findPatches(db, "aa", "bb"))).toEqual([patch]);
    const layout = {
      schema: PARAMS_LAYOUT_SCHEMA,
      architectureHash: "ab".repeat(32),
      paramBytes: 64,
      ranges: [],
    } as const;
    await store.write((db) => putLayout(db, { ...layout, ranges: [] }));
    await store.write((db) =>
      putLayout(db, { ...layout, ranges: [{ at: 48, rows: 2, rowBytes: 8, form: 0 }] }),
    );
    expect(await store.read((db) => findLayouts(db, [layout.architectureHash, "cd".repeat(32)]))).toEqual([
      { ...layout, ranges: [{ at: 48, rows: 2, rowBytes: 8, form: 0 }] },
    ]);
  });

  test("keeps the tokens of hawkBit clients, and what their devices have open", async () => {
    const credential: DdiCredential = {
      id: "c1",
      kind: "gateway",
      deviceId: null,
      product: "digits",
      hardware: "plc",
      tags: { site: "north" },
      maxDevices: 2,
      createdAtMs: 1_795_000_000_000,
      revokedAtMs: null,
    };
    await store.write((db) => putDdiCredential(db, credential, "digest"));
    expect(await store.read((db) => findDdiCredential(db, "digest"))).toEqual(credential);
    const known: DdiDevice = {
      deviceId: "plc-1",
      credentialId: "c1",
      attributes: { serial: "7" },
      openAction: 4,
      installedAction: null,
    };
    await store.write((db) => putDdiDevice(db, { ...known, attributes: null }));
    await store.write((db) => putDdiDevice(db, known));
    expect(await store.read((db) => findDdiDevice(db, "plc-1"))).toEqual(known);
    expect(await store.read((db) => countDdiDevices(db, "c1"))).toBe(1);
    expect(await store.write((db) => revokeDdiCredential(db, "c1", 2))).toBe(true);
    expect(await store.write((db) => revokeDdiCredential(db, "c1", 3))).toBe(false);
    expect(await store.read((db) => findDdiCredential(db, "digest"))).toBeNull();
    expect(await store.read(listDdiCredentials)).toEqual([{ ...credential, revokedAtMs: 2 }]);
  });

  test("keeps people by the digest of their token, the newest token alone", async () => {
    const ann = { id: "ann", role: "admin", createdAtMs: 1, revokedAtMs: null };
    await store.write((db) => putPerson(db, ann, "digest-1"));
    await store.write((db) => putPerson(db, ann, "digest-2"));
    expect(await store.read((db) => findPersonByToken(db, "digest-1"))).toBeNull();
    expect(await store.read((db) => findPersonByToken(db, "digest-2"))).toEqual(ann);
  });

  test("keeps enrolment tokens and who used them", async () => {
    const token = {
      id: "t1",
      tokenSha256: "d1",
      product: "digits",
      hardware: null,
      tags: { a: "b" },
      expiresAtMs: 9,
      usedBy: null,
      usedKey: null,
      maxDevices: 1,
      used: 0,
    };
    await store.write((db) => putEnrolmentTokens(db, [token]));
    await store.write((db) => useEnrolmentToken(db, "t1", "cam-1", "key"));
    await store.write((db) => countEnrolment(db, "t1"));
    expect(await store.read((db) => findEnrolmentToken(db, "d1"))).toEqual({
      ...token,
      usedBy: "cam-1",
      usedKey: "key",
      used: 1,
    });
  });

  test("commits what a person has changed together with its audit entry, or neither", async () => {
    const entry = { atMs: 1, by: "ann", action: "PUT /x", status: 200, detail: "" };
    const asAnn = (value: string) =>
      runAudited({ entry: () => entry, isWritten: false }, () =>
        store.write((db) => setSetting(db, "colour", value)),
      );
    await asAnn("red");
    expect(await store.read((db) => listAudit(db, 10))).toMatchObject([{ number: 1, by: "ann" }]);
    const rename = (from: string, to: string) =>
      store.write((db) => db.schema.alterTable(from).renameTo(to).execute());
    await rename("audit", "elsewhere");
    await expect(asAnn("blue")).rejects.toThrow(/audit/);
    expect(await store.read((db) => getSetting(db, "colour"))).toBe("red");
    await rename("elsewhere", "audit");
    await asAnn("blue");
    expect(await store.read((db) => listAudit(db, 10))).toHaveLength(2);
    expect(await store.read((db) => walkAudit(db, AUDIT_START, 1000))).toMatchObject({ isEnd: true });
  });

  test("commits writes that wait together in one go, and one that fails takes none with it", async () => {
    const writes = Array.from({ length: 50 }, (_, i) =>
      store.write(async (db) => {
        await putDevice(db, {
          id: `cam-${i}`,
          product: "digits",
          hardware: "gateway",
          tags: {},
          publicKey: "ab".repeat(32),
          enrolledAtMs: 1,
        });
        if (i === 20) throw new Error("this one fails after it has written");
      }),
    );
    const outcomes = await Promise.allSettled(writes);
    expect(outcomes.filter((outcome) => outcome.status === "rejected")).toHaveLength(1);
    expect(outcomes[20]!.status).toBe("rejected");
    const devices = await store.read((db) => listDevices(db, {}, { limit: 100 }));
    expect(devices).toHaveLength(49);
    expect(devices.some((device) => device.id === "cam-20")).toBe(false);
  });
}

function sums(inferences: number): TelemetrySums {
  return {
    ...EMPTY_SUMS,
    windows: 1,
    inferences,
    latencySumUs: 100.5 * inferences,
    latencyMaxUs: 7,
    probesSeen: inferences,
    confidence: EMPTY_SUMS.confidence.map((_, i) => (i === 19 ? inferences : 0)),
    outputs: [inferences],
  };
}
