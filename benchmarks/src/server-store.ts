import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Events } from "@mote/ota-server/dist/events.js";
import { fleetView } from "@mote/ota-server/dist/fleet/views.js";
import { SILENT } from "@mote/ota-server/dist/log.js";
import { bucketWidthMs } from "@mote/ota-server/dist/monitor/ingest.js";
import { RolloutEngine } from "@mote/ota-server/dist/rollout/engine.js";
import { EVIDENCE_LIMITS } from "@mote/ota-server/dist/rollout/evidence.js";
import { listControls } from "@mote/ota-server/dist/store/controls.js";
import { DRAW_MODULUS, drawOf, placeSql, shuffleOf } from "@mote/ota-server/dist/store/draw.js";
import { putRelease } from "@mote/ota-server/dist/store/releases.js";
import { sampleMembers } from "@mote/ota-server/dist/store/rollouts.js";
import { type Db, Store } from "@mote/ota-server/dist/store/store.js";
import { telemetryRow } from "@mote/ota-server/dist/store/telemetry.js";
import { TestCluster, whyNoPostgres } from "@mote/ota-server/dist/testing/postgres.js";
import { makeRelease } from "@mote/ota-server/dist/testing/release.js";
import { EMPTY_SUMS, type RolloutPlan } from "@mote/protocol";
import { sql } from "kysely";
import { median } from "./predict-published.js";
import { type Options, optionsOf, writeResults } from "./server-parts.js";

/**
 * What an operator waits for when the fleet is large: the dry run of a rollout, its start, the judgement of its gates on
 * a full week's evidence, and who runs what. PostgreSQL with a million devices, SQLite with a hundred thousand, each as
 * it comes. Prints a table, writes results/server-store.json. `--devices N` for a smaller fleet (SQLite a tenth of it),
 * `--only sqlite` or `--only postgres` for one of them.
 */

const GOAL_S = 1;
const ROUNDS = 5;
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** Devices that are registered in one transaction. */
const CHUNK = 5000;
/** Rows of a statement whose values are parameters, each: SQLite takes 32,766. */
const ROWS = 500;
/** Devices whose year is written out to weigh it. */
const WEIGHED = 300;
/** Windows on the new release when the gates look. */
const WINDOWS_SINCE = 9;
/** A window a minute, as agents send by default. */
const WINDOW_MS = 60_000;
const BUCKET_MS = bucketWidthMs(WINDOW_MS);

interface Measured {
  readonly store: string;
  readonly devices: number;
  /** Seconds, each round. */
  readonly dryRunS: number[];
  readonly preconditionsS: number[];
  readonly typoS: number[];
  readonly startS: number;
  readonly judgeS: number[];
  readonly whoIsWhereS: number[];
  readonly evidence: { readonly wave: number; readonly control: number; readonly telemetryRows: number };
  readonly bytesPerDeviceAndYear: number;
}

const PLAN: RolloutPlan = {
  product: "digits",
  version: "2.0.0",
  query: { tags: { region: "north" } },
  waves: [
    { name: "canary", share: 0.01, soakS: 3600 },
    { name: "tenth", share: 0.1, soakS: 3600 },
    { name: "all", share: 1, soakS: 0 },
  ],
  gates: {
    maxFailureShare: 0.02,
    minConfirmedShare: 0.9,
    installTimeoutS: 86_400,
    telemetry: [
      { metric: "confidence", margin: 0.02 },
      { metric: "accuracy", margin: 0.02 },
      { metric: "errorRate", margin: 0.01 },
      { metric: "latency", margin: 0.1 },
    ],
    falseStopRate: 0.05,
    deadlineS: 30 * 86_400,
  },
  onFailure: "hold",
  preconditions: {},
  approvals: 0,
};

const PRECONDITIONS: RolloutPlan["preconditions"] = {
  minBatteryPercent: 50,
  allowMetered: false,
  minFreeBytes: 1_000_000,
  windows: [{ from: "01:00", to: "04:00" }],
};

/** What a device tells of itself, so that reading it costs what it costs. */
const CONDITIONS = JSON.stringify({
  charging: false,
  metered: false,
  link: "wifi",
  temperatureC: 21.5,
  busy: false,
  inCriticalTask: false,
  timeZone: "Europe/Berlin",
});

async function measure(store: Store, devices: number, weigh: () => Promise<number>): Promise<Measured> {
  const nowMs = Date.now();
  say(`${store.driver}: registering ${devices} devices`);
  await register(store, devices, nowMs);
  const engine = new RolloutEngine({
    store,
    clock: () => nowMs,
    log: SILENT,
    events: new Events(),
    checkSigned: async () => {},
    hint: () => {},
  });
  await engine.load();
  const dryRunS = await timed(() => engine.dryRun(PLAN));
  const preconditionsS = await timed(() => engine.dryRun({ ...PLAN, preconditions: PRECONDITIONS }));
  const typoS = await timed(() => engine.dryRun({ ...PLAN, query: { tags: { regoin: "north" } } }));
  const [startS] = await timed(() => engine.create(PLAN), 1);
  const state = engine.list()[0]!;
  const evidence = await enact(store, state.id, state.salt, state.waves[0]!.threshold!, nowMs);
  await store.analyze();
  const judgeS = await timed(() => engine.tick());
  const judged = engine.get(state.id).waves[0]!.gates.filter(({ gate }) => gate !== "installs");
  say(`${store.driver}: gates say ${judged.map(({ gate, verdict }) => `${gate} ${verdict}`).join(", ")}`);
  const whoIsWhereS = await timed(() => store.read((db) => fleetView(db, [])));
  const bytesPerDeviceAndYear = await weighYear(store, nowMs, weigh);
  const timings = { dryRunS, preconditionsS, typoS, startS: startS!, judgeS, whoIsWhereS };
  return { store: store.driver, devices, ...timings, evidence, bytesPerDeviceAndYear };
}

async function register(store: Store, devices: number, nowMs: number): Promise<void> {
  const { manifest } = makeRelease(2);
  const sums = { manifestSha256: "ab", manifestLength: 1, uploadedAtMs: nowMs };
  await store.write((db) =>
    putRelease(db, { product: "digits", version: "2.0.0", sequence: 2, target: "t", manifest, ...sums }),
  );
  for (let start = 0; start < devices; start += CHUNK) {
    const count = Math.min(CHUNK, devices - start);
    const rows = Array.from({ length: count }, (_, i) => deviceRow(start + i, nowMs));
    await store.write((db) => insertDevices(db, store.driver, rows));
    process.stderr.write(`\r${start + count} of ${devices} devices registered  `);
  }
  say("");
  // As a fleet's database is that has grown up: swept, and its tables' sizes known.
  if (store.driver === "postgres") await store.read((db) => sql`vacuum analyze`.execute(db));
  else await store.analyze();
}

/** PostgreSQL takes a document of many rows as one parameter, and its rows a good deal faster. */
async function insertDevices(
  db: Db,
  driver: Store["driver"],
  rows: readonly ReturnType<typeof deviceRow>[],
): Promise<void> {
  if (driver === "postgres") {
    const document = JSON.stringify(rows);
    await sql`insert into devices select * from json_populate_recordset(null::devices, ${document}::json)`.execute(
      db,
    );
    return;
  }
  for (let at = 0; at < rows.length; at += ROWS) {
    await db
      .insertInto("devices")
      .values(rows.slice(at, at + ROWS))
      .execute();
  }
}

/** As a fleet is: boards, sites and releases mixed, one in fifty in a drawer, half of them connected. */
function deviceRow(i: number, nowMs: number) {
  const id = `cam-${String(i).padStart(7, "0")}`;
  const region = i % 10 === 0 ? "south" : "north";
  return {
    id,
    product: "digits",
    hardware: i % 5 === 0 ? "cortex-m4f" : "gateway",
    tags: JSON.stringify({ region, site: `s${i % 500}` }),
    public_key: "ab".repeat(32),
    enrolled_at_ms: nowMs - 90 * DAY_MS,
    last_seen_ms: nowMs - (i % 50 === 0 ? 30 * DAY_MS : (i % 1000) * 60_000),
    online: i % 2,
    running_sequence: 1,
    artifact_sha256: "cd".repeat(32),
    held: JSON.stringify(["cd".repeat(32)]),
    floor: 1,
    codecs: '["full","tensor"]',
    agent_version: "0.1.0",
    battery_percent: i % 101,
    conditions: CONDITIONS,
    free_bytes: 8_000_000,
    frame_sequence: 100,
    update_failed: 0,
    error_rate: 0.01,
    draw: drawOf(id),
  };
}

/** The canary has taken the release; it and its control group have a week of windows behind them and a day of new ones. */
async function enact(store: Store, id: string, salt: string, threshold: number, nowMs: number) {
  const place = placeSql(shuffleOf(salt));
  const openedMs = nowMs;
  const members = await store.read((db) =>
    db
      .selectFrom("devices")
      .select("id")
      .where(place, "<", Math.ceil(threshold * DRAW_MODULUS))
      .where("tags", "like", '%"region":"north"%')
      .where("hardware", "=", "gateway")
      .execute(),
  );
  await store.write(async (db) => {
    for (let page = 0; page < members.length; page += ROWS) {
      const rows = members.slice(page, page + ROWS).map((member) => ({
        rollout_id: id,
        device_id: member.id,
        wave: 0,
        previous_sequence: 1,
        state: "confirmed",
        code: "ok",
        attempts: 1,
        offered_at_ms: openedMs,
        settled_at_ms: openedMs,
        downloaded_bytes: 3000,
        codec: "tensor",
        detail: null,
        retry_at_ms: null,
        draw: drawOf(member.id),
      }));
      await db.insertInto("rollout_devices").values(rows).execute();
    }
  });
  const limit = EVIDENCE_LIMITS.maxDevices;
  const sample = await store.read((db) => sampleMembers(db, id, limit));
  const controls = await store.read((db) => listControls(db, id));
  let telemetryRows = 0;
  const week = pastBuckets(openedMs, 7);
  for (const { deviceId } of sample) {
    telemetryRows += await addWindows(store, deviceId, 1, week);
    telemetryRows += await addWindows(store, deviceId, 2, [openedMs], WINDOWS_SINCE);
  }
  for (const control of controls) {
    telemetryRows += await addWindows(store, control.deviceId, 1, [...week, openedMs]);
  }
  return { wave: sample.length, control: controls.length, telemetryRows };
}

/** Starts of the buckets that a device has after `days` of windows, as ingest makes them and retention widens them. */
function pastBuckets(nowMs: number, days: number): number[] {
  const starts: number[] = [];
  let at = nowMs - BUCKET_MS;
  const until = nowMs - days * DAY_MS;
  // A sweep begins every six hours: on average what is unswept is nine hours old.
  const widthAt = (ageMs: number) =>
    ageMs < 9 * HOUR_MS
      ? BUCKET_MS
      : ageMs < 7 * DAY_MS
        ? HOUR_MS
        : ageMs < 60 * DAY_MS
          ? DAY_MS
          : 7 * DAY_MS;
  while (at >= until) {
    const width = widthAt(nowMs - at);
    starts.push(Math.floor(at / width) * width);
    at = starts.at(-1)! - 1;
  }
  return starts;
}

async function addWindows(
  store: Store,
  deviceId: string,
  release_sequence: number,
  buckets: readonly number[],
  windows = 3,
): Promise<number> {
  const wobble = (drawOf(deviceId) % 100) / 1000;
  const inferences = 40 * windows;
  const sums = {
    ...EMPTY_SUMS,
    windows,
    inferences,
    errors: 1,
    latencySumUs: 900 * (1 + wobble) * inferences,
    latencyMaxUs: 1500,
    energySumUj: 12,
    probesSeen: 20,
    probesCorrect: 19 - (drawOf(deviceId) % 2),
    confidence: EMPTY_SUMS.confidence.map((_, i) => (i > 16 ? Math.floor(inferences / 3) : 0)),
    outputs: Array.from({ length: 10 }, (_, i) => 4 * windows + i),
  };
  const columns = telemetryRow(sums);
  const rows = buckets.map((bucket_ms) => ({ device_id: deviceId, release_sequence, bucket_ms, ...columns }));
  await store.write(async (db) => {
    for (let page = 0; page < rows.length; page += ROWS) {
      await db
        .insertInto("telemetry")
        .values(rows.slice(page, page + ROWS))
        .execute();
    }
  });
  return rows.length;
}

async function weighYear(store: Store, nowMs: number, weigh: () => Promise<number>): Promise<number> {
  const before = await weigh();
  const year = pastBuckets(nowMs, 365);
  for (let i = 0; i < WEIGHED; i++) await addWindows(store, `year-${i}`, 1, year);
  return Math.round(((await weigh()) - before) / WEIGHED);
}

async function timed(work: () => Promise<unknown>, rounds = ROUNDS): Promise<number[]> {
  const seconds: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    await work();
    seconds.push((performance.now() - start) / 1000);
  }
  return seconds;
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** A line for each thing that is waited for, with what each store took beside the goal. */
function tableOf(results: readonly Measured[]): string {
  const columns = results.map(({ store, devices }) => `${store}, ${devices} devices`);
  const seconds = (values: (one: Measured) => readonly number[]) =>
    results.map((one) => `${median([...values(one)]).toFixed(3)} s`);
  const goal = `${GOAL_S} s`;
  const lines = [
    ["", ...columns, "goal"],
    ["dry run of a rollout", ...seconds(({ dryRunS }) => dryRunS), goal],
    ["  with preconditions", ...seconds(({ preconditionsS }) => preconditionsS), goal],
    ["  with a typing error", ...seconds(({ typoS }) => typoS), goal],
    ["its start", ...seconds(({ startS }) => [startS]), goal],
    ["its gates, at their first look", ...seconds(({ judgeS }) => judgeS.slice(0, 1)), goal],
    ["  at the looks that follow", ...seconds(({ judgeS }) => judgeS.slice(1)), goal],
    ["who runs what", ...seconds(({ whoIsWhereS }) => whoIsWhereS), goal],
    ["bytes of a device's year", ...results.map((one) => String(one.bytesPerDeviceAndYear)), ""],
  ];
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines.map((line) => line.map((cell, column) => cell.padEnd(widths[column]!)).join("  ")).join("\n");
}

async function measureSqlite(devices: number): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), "mote-bench-store-"));
  const store = await Store.openEmbedded(folder);
  const fileBytes = async () =>
    ["mote.sqlite", "mote.sqlite-wal"].reduce(
      (sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0),
      0,
    );
  const measured = await measure(store, devices, fileBytes);
  await store.close();
  rmSync(folder, { recursive: true });
  return measured;
}

async function measurePostgres(devices: number): Promise<Measured | null> {
  const reason = whyNoPostgres();
  if (reason !== null) {
    say(`PostgreSQL left out: ${reason}`);
    return null;
  }
  // As Debian sets a cluster up; a test's own has a log of a few megabytes.
  const cluster = await TestCluster.start(tmpdir(), ["max_wal_size=1GB"]);
  const store = await Store.openPostgres(cluster.makeDatabase());
  const measured = await measure(store, devices, () => store.bytes());
  await store.close();
  cluster.remove();
  return measured;
}

async function main({ devices, only }: Options): Promise<void> {
  const results: Measured[] = [];
  if (only === null || only === "sqlite") results.push(await measureSqlite(devices / 10));
  const postgres = only === null || only === "postgres" ? await measurePostgres(devices) : null;
  if (postgres !== null) results.push(postgres);
  writeResults(only === null ? "server-store" : `server-store-${only}`, {
    goal: `each under ${GOAL_S} s`,
    results,
  });
  process.stdout.write(`${tableOf(results)}\n`);
}

await main(optionsOf(process.argv.slice(2), 1_000_000));
