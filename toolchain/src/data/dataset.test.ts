import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import jpeg from "jpeg-js";
import { PNG } from "pngjs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DataError, FileError } from "../errors.js";
import { subset } from "./dataset.js";
import { encodeNpy } from "./npy.js";
import { encodeNpz, writeNpz } from "./npz.js";
import { openDataset } from "./open.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mote-data-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const path = (...parts: string[]): string => join(folder, ...parts);
const x = { shape: [3, 2, 2], data: Float32Array.from({ length: 12 }, (_, i) => i / 4) };

describe(".npz and .npy", () => {
  it("gives back what was written, with labels", async () => {
    writeNpz(path("a.npz"), { x, y: { shape: [3], data: Int32Array.of(2, 0, 1) } });
    const dataset = await openDataset(path("a.npz"));
    expect(dataset.count).toBe(3);
    expect(dataset.sampleShape).toEqual([2, 2]);
    expect([...dataset.labels!]).toEqual([2, 0, 1]);
    expect([...dataset.sample(1)]).toEqual([1, 1.25, 1.5, 1.75]);
    const part = subset(dataset, [2, 1]);
    expect([...part.labels!]).toEqual([1, 0]);
    expect([...part.sample(0)]).toEqual([...dataset.sample(2)]);
  });

  it("writes equal bytes for equal arrays", () => {
    expect(encodeNpz({ x })).toEqual(encodeNpz({ x }));
  });

  it("reads a .npy piece by piece", async () => {
    writeFileSync(
      path("a.npy"),
      encodeNpy({ shape: [3, 4], data: Uint8Array.from({ length: 12 }, (_, i) => i) }),
    );
    const dataset = await openDataset(path("a.npy"));
    expect([...dataset.sample(2)]).toEqual([8, 9, 10, 11]);
    expect(dataset.labels).toBeUndefined();
  });

  it("names the sample that holds a NaN", async () => {
    const data = x.data.slice();
    data[5] = Number.NaN;
    writeNpz(path("a.npz"), { x: { ...x, data } });
    const dataset = await openDataset(path("a.npz"));
    dataset.sample(0);
    expect(() => dataset.sample(1)).toThrow(/NaN at element 1 of sample 1/);
  });

  it.each([
    ["a truncated array", () => encodeNpy(x).subarray(0, 140), "truncated"],
    ["other bytes", () => new Uint8Array(200), "NumPy signature"],
    [
      "big-endian elements",
      () => Buffer.from(Buffer.from(encodeNpy(x)).toString("latin1").replace("<f4", ">f4"), "latin1"),
      "little-endian",
    ],
    [
      "Fortran order",
      () => Buffer.from(Buffer.from(encodeNpy(x)).toString("latin1").replace("False", "True "), "latin1"),
      "C order",
    ],
    ["an array without samples", () => encodeNpy({ shape: [0, 4], data: new Float32Array(0) }), "samples"],
  ])("refuses %s", async (_name, bytes, message) => {
    writeFileSync(path("bad.npy"), bytes());
    await expect(openDataset(path("bad.npy"))).rejects.toThrow(message);
  });

  it("refuses a damaged archive, one-hot labels and a missing file", async () => {
    writeFileSync(path("bad.npz"), encodeNpz({ x }).subarray(0, 100));
    await expect(openDataset(path("bad.npz"))).rejects.toThrow(DataError);
    writeNpz(path("hot.npz"), { x, y: { shape: [3, 2], data: new Int32Array(6) } });
    await expect(openDataset(path("hot.npz"))).rejects.toThrow(/class indices/);
    await expect(openDataset(path("none.npz"))).rejects.toThrow(FileError);
  });
});

describe("class folders", () => {
  const file = (name: string, bytes: Uint8Array | string): void => {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    writeFileSync(join(folder, name), bytes);
  };

  it("cuts recordings into windows of the model's shape", async () => {
    file("still/1.csv", "x,y\n1,2\n3,4\n5,6\n7,8\n9,10\n");
    file("walk/1.csv", "1;2\n3;4\n");
    const dataset = await openDataset(folder, { sampleShape: [2, 2] });
    expect(dataset.classNames).toEqual(["still", "walk"]);
    expect([...dataset.labels!]).toEqual([0, 0, 1]);
    expect([...dataset.sample(1)]).toEqual([5, 6, 7, 8]);
  });

  it("decodes images to one or three channels", async () => {
    const png = new PNG({ width: 2, height: 1 });
    png.data.set([255, 0, 0, 255, 51, 51, 51, 255]);
    file("a/1.png", PNG.sync.write(png));
    const colour = await openDataset(folder, { sampleShape: [1, 2, 3] });
    expect([...colour.sample(0)].map((v) => Math.round(v * 255))).toEqual([255, 0, 0, 51, 51, 51]);
    const grey = await openDataset(folder, { sampleShape: [1, 2, 1] });
    expect(grey.sample(0)[0]).toBeCloseTo(0.299);
    expect(grey.sample(0)[1]).toBeCloseTo(0.2);
    const pixels = { width: 8, height: 8, data: new Uint8Array(256).fill(128) };
    file("b/1.jpg", new Uint8Array(jpeg.encode(pixels, 90).data));
    const sets = await openDataset(folder, { sampleShape: [8, 8, 1] });
    expect(() => sets.sample(1)).toThrow(/like the first file/);
  });

  it("reads sound as -1..1", async () => {
    const wav = new DataView(new ArrayBuffer(48));
    for (const [at, text] of [
      [0, "RIFF"],
      [8, "WAVE"],
      [12, "fmt "],
      [36, "data"],
    ] as const) {
      for (let i = 0; i < 4; i++) wav.setUint8(at + i, text.charCodeAt(i));
    }
    wav.setUint32(16, 16, true);
    wav.setUint16(20, 1, true);
    wav.setUint16(22, 1, true);
    wav.setUint16(34, 16, true);
    wav.setUint32(40, 4, true);
    wav.setInt16(44, -32768, true);
    wav.setInt16(46, 16384, true);
    file("yes/1.wav", new Uint8Array(wav.buffer));
    const dataset = await openDataset(folder);
    expect(dataset.sampleShape).toEqual([2, 1]);
    expect([...dataset.sample(0)]).toEqual([-1, 0.5]);
  });

  it("names the line of a CSV that is not numeric and the file that is not an image", async () => {
    file("a/1.csv", "1,2\n3,four\n");
    await expect(openDataset(folder)).rejects.toThrow(/line 2/);
    rmSync(join(folder, "a"), { recursive: true });
    file("a/1.png", new Uint8Array([0x89, 1, 2, 3]));
    await expect(openDataset(folder)).rejects.toThrow(/can't be decoded/);
    rmSync(join(folder, "a"), { recursive: true });
    await expect(openDataset(folder)).rejects.toThrow(/one folder per class/);
  });
});
