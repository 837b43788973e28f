import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SensorError } from "../errors.js";
import { npy, npz } from "../testing/npz.js";
import { readNpy } from "./npy.js";
import { openRecording } from "./recording.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "mote-recording-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function recording(name: string, bytes: Uint8Array) {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return openRecording(path);
}

const x = npy(
  [3, 2, 2],
  Float32Array.from({ length: 12 }, (_, i) => i),
);

describe("a recording", () => {
  it("gives its samples in turn, with their truth, and begins again at the end", async () => {
    const { count, sampleLength, sensor } = await recording(
      "r.npz",
      npz({ x, y: npy([3], Float32Array.of(7, 8, 9)) }),
    );
    expect([count, sampleLength]).toEqual([3, 4]);
    const from = sensor(1);
    expect(await from.next()).toEqual({ values: Float32Array.of(4, 5, 6, 7), label: 8 });
    expect((await from.next()).label).toBe(9);
    expect(await from.next()).toEqual({ values: Float32Array.of(0, 1, 2, 3), label: 7 });
  });

  it("needs no labels", async () => {
    const { sensor } = await recording("r.npy", x);
    expect((await sensor(0).next()).label).toBeNull();
  });

  it("reads NumPy's other number types", () => {
    const bytes = npy([2], Float32Array.of(0, 0)).slice();
    const header = Buffer.from(bytes).toString("latin1").replace("<f4", "<i2");
    const short = Buffer.concat([
      Buffer.from(header, "latin1").subarray(0, -8),
      Buffer.from([0xff, 0xff, 2, 0]),
    ]);
    expect(readNpy(short, "short").values).toEqual(Float32Array.of(-1, 2));
  });

  const big = Buffer.from(Buffer.from(x).toString("latin1").replace("<f4", ">f4"), "latin1");
  it.each([
    ["text", "r.npz", Buffer.from("x,y\n1,2\n")],
    ["an archive cut short", "r.npz", npz({ x }).subarray(0, 100)],
    ["an archive without x", "r.npz", npz({ z: x })],
    ["an array cut short", "r.npy", x.subarray(0, x.length - 1)],
    ["a header cut short", "r.npy", x.subarray(0, 20)],
    ["big-endian numbers", "r.npy", big],
    ["no samples", "r.npy", npy([0, 4], new Float32Array())],
    ["labels for other samples", "r.npz", npz({ x, y: npy([2], Float32Array.of(1, 2)) })],
  ])("refuses %s, and says what it wants", async (_, name, bytes) => {
    await expect(recording(name, bytes)).rejects.toThrow(SensorError);
  });

  it("refuses a file that is not there", async () => {
    await expect(openRecording(join(folder, "none.npz"))).rejects.toThrow(SensorError);
  });
});
