import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { makeFolder } from "./make-folder.js";

const folder = mkdtempSync(join(tmpdir(), "mote-folder-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("a folder is made with those above it, and what is there stays", async () => {
  const deep = join(folder, "a", "b", "c");
  await makeFolder(deep, 0o700);
  expect(statSync(deep).mode & 0o777).toBe(0o700);
  expect(statSync(join(folder, "a")).mode & 0o777).toBe(0o700);
  writeFileSync(join(deep, "kept"), "");
  await makeFolder(deep, 0o755);
  expect(existsSync(join(deep, "kept"))).toBe(true);
  expect(statSync(deep).mode & 0o777).toBe(0o700);
});

test("several may make the same folders at once", async () => {
  const deep = join(folder, "x", "y", "z");
  await Promise.all(Array.from({ length: 8 }, () => makeFolder(deep)));
  expect(existsSync(deep)).toBe(true);
});

test("a file in the way is refused, and so is a place that takes no names", async () => {
  const file = join(folder, "file");
  writeFileSync(file, "");
  await expect(makeFolder(file)).rejects.toMatchObject({ code: "EEXIST" });
  await expect(makeFolder(join(file, "below"))).rejects.toMatchObject({ code: "ENOTDIR" });
  await expect(makeFolder("")).rejects.toMatchObject({ code: "ENOENT" });
});

// Node's own way would not come back, and take the test's process with it.
test.skipIf(!existsSync("/proc/self"))(
  "below /proc (where there is one) it comes back, and says why",
  async () => {
    await expect(makeFolder("/proc/mote/data")).rejects.toMatchObject({ code: "ENOENT", syscall: "mkdir" });
  },
);
