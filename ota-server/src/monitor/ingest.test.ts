import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CONFIDENCE_BINS, encodeFrame } from "@mote/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Events } from "../events.js";
import { putDevice } from "../store/devices.js";
import { Store } from "../store/store.js";
import { telemetryByRelease } from "../store/telemetry.js";
import { Ingest } from "./ingest.js";

const CAM = { id: "cam-1", enrolledAtMs: 5 };

let folder: string;
let frames: string;
let store: Store;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "mote-ingest-"));
  frames = join(folder, "frames");
  store = await Store.openEmbedded(folder);
  await enroll(CAM.enrolledAtMs);
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

function enroll(enrolledAtMs: number): Promise<void> {
  return store.write((db) =>
    putDevice(db, {
      id: CAM.id,
      product: "digits",
      hardware: "gateway",
      tags: {},
      publicKey: "00",
      enrolledAtMs,
    }),
  );
}

const open = (): Promise<Ingest> => Ingest.open(store, new Events(() => undefined), () => 1000, frames);

function frame(sequence: number): Uint8Array {
  return encodeFrame({
    sequence,
    windowStartMs: 0,
    windowMs: 1000,
    releaseSequence: 1,
    onProbation: false,
    inferences: 10,
    errors: 0,
    abstained: 0,
    latencyUs: { mean: 900, p95: 1200, max: 1500 },
    energyUj: 12,
    confidence: Array.from({ length: CONFIDENCE_BINS }, (_, bin) => (bin === 0 ? 10 : 0)),
    outputs: [10],
    probes: { seen: 0, correct: 0 },
    batteryPercent: 80,
    temperatureC: 20,
  });
}

async function windows(): Promise<number> {
  const byRelease = await store.read((db) => telemetryByRelease(db, CAM.id));
  return byRelease.reduce((sum, { sums }) => sum + sums.windows, 0);
}

test("what was acknowledged before a crash is counted after it, once", async () => {
  const before = await open();
  for (const sequence of [0, 1, 2]) await before.add(CAM, frame(sequence));
  // Flushed, and then the crash comes before its segment is dropped: the copy of the segment plays that part.
  const [segment] = readdirSync(frames);
  const bytes = readFileSync(join(frames, segment!));
  await before.flush();
  await before.add(CAM, frame(3));
  writeFileSync(join(frames, segment!), bytes);
  expect(await windows()).toBe(3);

  const after = await open();
  expect(await windows()).toBe(4);
  expect(await after.add(CAM, frame(3))).toBe(false);
  expect(await after.add(CAM, frame(4))).toBe(true);
  await after.close();
  expect(await windows()).toBe(5);
  expect(readdirSync(frames)).toHaveLength(1);
});

test("a record cut short at any byte ends its segment and costs nothing before it", async () => {
  const ingest = await open();
  await ingest.add(CAM, frame(0));
  const [segment] = readdirSync(frames);
  const whole = readFileSync(join(frames, segment!)).length;
  await ingest.add(CAM, frame(1));
  const bytes = readFileSync(join(frames, segment!));
  for (const cut of [whole, whole + 1, whole + 7, whole + 8, whole + 30, bytes.length - 1]) {
    await enroll(CAM.enrolledAtMs);
    await store.write((db) => db.deleteFrom("telemetry").execute());
    for (const name of readdirSync(frames)) rmSync(join(frames, name));
    writeFileSync(join(frames, segment!), bytes.subarray(0, cut));
    const after = await open();
    expect(await windows(), `cut at ${cut} of ${bytes.length}`).toBe(1);
    await after.close();
  }
});

test("flipped bits in the log are not counted as telemetry", async () => {
  const ingest = await open();
  await ingest.add(CAM, frame(0));
  const [segment] = readdirSync(frames);
  const bytes = readFileSync(join(frames, segment!));
  bytes[20] = bytes[20]! ^ 0x10;
  writeFileSync(join(frames, segment!), bytes);
  await open();
  expect(await windows()).toBe(0);
});

test("a device that enrols anew starts at zero, and its former self's frames don't count for it", async () => {
  const ingest = await open();
  await ingest.add(CAM, frame(100));
  await ingest.flush();
  await enroll(77);
  expect(await ingest.add({ ...CAM, enrolledAtMs: 77 }, frame(0))).toBe(true);
  expect(await ingest.add(CAM, frame(101))).toBe(false);
  await ingest.close();
  expect(await windows()).toBe(2);
});

test("frames that arrive while a flush is under way are in the next one", async () => {
  const ingest = await open();
  let sent = 0;
  const sending = (async () => {
    while (sent < 300) await ingest.add(CAM, frame(sent++));
  })();
  while (sent < 300) {
    await ingest.flush();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await sending;
  await ingest.close();
  expect(await windows()).toBe(300);
});
