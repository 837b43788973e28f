import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { encodeNpy } from "./npy.js";
import { writeNpz } from "./npz.js";
import { openSlices } from "./slices.js";

const folder = mkdtempSync(join(tmpdir(), "mote-slices-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

describe("slices of a data set", () => {
  it("come from the columns of a .csv, by their heading", async () => {
    const path = file("a.csv", "device,light\nA, day\nB,night\r\nA,day\n");
    expect(await openSlices(path, "x.npz", 3)).toEqual([
      { name: "device", part: ["A", "B", "A"] },
      { name: "light", part: ["day", "night", "day"] },
    ]);
  });

  it("come from an .npy, or from an array of the set's own .npz", async () => {
    const site = { shape: [3], data: Int32Array.of(7, 7, 9) };
    const npy = file("s.npy", encodeNpy(site));
    expect(await openSlices(npy, "x", 3)).toEqual([{ name: "slice", part: ["7", "7", "9"] }]);
    const npz = join(folder, "d.npz");
    writeNpz(npz, { x: { shape: [3, 1], data: new Float32Array(3) }, site });
    expect(await openSlices("site", npz, 3)).toEqual([{ name: "site", part: ["7", "7", "9"] }]);
  });

  it.each([
    ["too few rows", "a\n1\n", /3 entries in slices "a".*got 1/s],
    ["a row of another length", "a,b\n1,2\n1\n1,2\n", /line 3/],
    ["an unnamed column", "a,\n1,2\n1,2\n1,2\n", /heading/],
  ])("refuse %s, naming the place", async (_what, content, message) => {
    await expect(openSlices(file("bad.csv", content), "x", 3)).rejects.toThrow(message);
  });

  it("refuse a name that is nothing", async () => {
    await expect(openSlices("nothing", "x.npy", 3)).rejects.toThrow(/"nothing"/);
    await expect(openSlices(join(folder, "absent.csv"), "x", 3)).rejects.toThrow(/absent\.csv/);
  });
});
