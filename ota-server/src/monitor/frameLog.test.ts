import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { StoreError } from "../errors.js";
import { FrameLog } from "./frameLog.js";

/** A disk of 256 kB: what does not fit it takes in part, and then refuses. */
const disk = mkdtempSync(join(tmpdir(), "mote-log-"));
const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", disk]).status === 0;
afterAll(() => {
  if (mounted) spawnSync("umount", ["-l", disk]);
  rmSync(disk, { recursive: true, force: true });
});

/** All in one turn of the event loop, so that they are one group. @returns which of them are on the disk. */
function appendAll(log: FrameLog, numbers: readonly number[]): Promise<number[]> {
  const outcomes = numbers.map(
    (number) =>
      new Promise<number | null>((resolve, reject) => {
        const payload = Buffer.alloc(1000, number);
        const frame = { deviceId: `cam-${number}`, enrolledAtMs: 1, arrivedAtMs: number, payload };
        log.append(
          frame,
          () => resolve(number),
          (error) => (error instanceof StoreError ? resolve(null) : reject(error)),
        );
      }),
  );
  return Promise.all(outcomes).then((all) => all.filter((number) => number !== null));
}

async function numbersIn(folder: string): Promise<number[]> {
  const log = await FrameLog.open(folder);
  const numbers: number[] = [];
  for await (const { deviceId, arrivedAtMs, payload } of log.past()) {
    expect(deviceId).toBe(`cam-${arrivedAtMs}`);
    expect(Buffer.from(payload).equals(Buffer.alloc(1000, arrivedAtMs))).toBe(true);
    numbers.push(arrivedAtMs);
  }
  await log.close();
  return numbers;
}

/** Leaves that much room, in pages of the file system. */
function fillTo(freeBytes: number): void {
  const ballast = openSync(join(disk, "ballast"), "w");
  const page = Buffer.alloc(4096, 1);
  try {
    for (;;) writeSync(ballast, page);
  } catch {
    // Full.
  }
  closeSync(ballast);
  spawnSync("truncate", ["-s", `-${freeBytes}`, join(disk, "ballast")]);
}

/** As many files as the disk may hold. */
function giveFiles(count: number): void {
  execFileSync("mount", ["-o", `remount,nr_inodes=${count}`, disk]);
}

const from = (first: number, count: number) => Array.from({ length: count }, (_, i) => first + i);

describe.skipIf(!mounted)(mounted ? "a log on a small disk" : "no small disk can be mounted here", () => {
  test("that takes a part of a group holds nothing of the group, and goes on behind what it held before", async () => {
    const folder = join(disk, "frames");
    const log = await FrameLog.open(folder);
    expect(await appendAll(log, from(0, 10))).toEqual(from(0, 10));
    fillTo(20 * 1024);
    // Some twenty of a hundred would fit.
    expect(await appendAll(log, from(10, 100))).toEqual([]);
    expect(await appendAll(log, from(110, 5))).toEqual(from(110, 5));
    rmSync(join(disk, "ballast"));
    expect(await appendAll(log, from(120, 100))).toEqual(from(120, 100));
    await log.close();
    expect(await numbersIn(folder)).toEqual([...from(0, 10), ...from(110, 5), ...from(120, 100)]);
  });

  test("that has no room for another segment says so, and the one it has stays in use", async () => {
    const folder = join(disk, "rotated");
    const log = await FrameLog.open(folder);
    expect(await appendAll(log, [1])).toEqual([1]);
    const used = Number(execFileSync("df", ["--output=iused", disk], { encoding: "utf8" }).split("\n")[1]);
    giveFiles(used);
    await expect(log.rotate(() => undefined)).rejects.toThrow(StoreError);
    giveFiles(used + 100);
    expect(await appendAll(log, [2])).toEqual([2]);
    expect(await log.rotate(() => undefined)).toBe(1);
    expect(await appendAll(log, [3])).toEqual([3]);
    await log.close();
    expect(await numbersIn(folder)).toEqual([1, 2, 3]);
  });
});

test("frames that come while a group is written are the next one, in their order", async () => {
  const folder = mkdtempSync(join(tmpdir(), "mote-log-order-"));
  try {
    const log = await FrameLog.open(folder);
    const first = appendAll(log, from(0, 64));
    await new Promise((resolve) => setImmediate(resolve));
    const second = appendAll(log, from(64, 3));
    let atSeam = 0;
    const ended = await log.rotate(() => {
      atSeam++;
    });
    expect(await first).toEqual(from(0, 64));
    expect(await second).toEqual(from(64, 3));
    expect(atSeam).toBe(1);
    await log.close();
    expect(await numbersIn(folder)).toEqual(from(0, 67));
    const again = await FrameLog.open(folder);
    await again.drop(ended + 1);
    await again.close();
    expect(await numbersIn(folder)).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
