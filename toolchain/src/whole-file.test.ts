import { mkdir, mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { writeWhole } from "./whole-file.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "mote-whole-"));
});

test("a file takes the place of the one before", async () => {
  const path = join(folder, "a.bundle");
  await writeFile(path, "old");
  await writeWhole(path, new Uint8Array([1, 2]));
  expect([...(await readFile(path))]).toEqual([1, 2]);
  expect(await readdir(folder)).toEqual(["a.bundle"]);
});

test("what can't be written leaves nothing behind, and says why", async () => {
  // A folder of the name: the bytes get written beside it, and then can't take its place.
  await mkdir(join(folder, "taken"));
  await expect(writeWhole(join(folder, "taken"), new Uint8Array(9))).rejects.toMatchObject({
    code: "MOTE_FILE",
  });
  expect(await readdir(folder)).toEqual(["taken"]);
  await expect(writeWhole(join(folder, "none", "x"), new Uint8Array(9))).rejects.toThrow(
    /ENOENT.*free space/,
  );
});
