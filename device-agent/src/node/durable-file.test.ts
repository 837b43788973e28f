import { execFileSync, spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AgentStateError, DiskFullError } from "../errors.js";
import { durableDocument } from "./durable-document.js";
import { replaceFile } from "./durable-file.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "mote-durable-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const form = {
  toJson: (value: string[]): unknown => value,
  fromJson: (document: unknown): string[] => {
    if (!Array.isArray(document)) throw new TypeError("no array");
    return document.map(String);
  },
};

describe("replacing a file", () => {
  const oldText = JSON.stringify(["old", "x".repeat(50)]);
  const newText = JSON.stringify(["new", "y".repeat(80)]);

  it("leaves the old or the new content wherever the power is cut", async () => {
    // What a cut leaves on the disk: the draft with any number of its bytes, beside the file as it was.
    const path = join(folder, "state.json");
    for (let cut = 0; cut <= newText.length; cut++) {
      await writeFile(path, oldText);
      await writeFile(join(folder, ".state.json.new"), newText.slice(0, cut));
      expect(await durableDocument(path, form).load()).toEqual(JSON.parse(oldText));
    }
    // And the next write is not disturbed by what was left.
    await durableDocument(path, form).save(["next"]);
    expect(await durableDocument(path, form).load()).toEqual(["next"]);
    expect(await readdir(folder)).toEqual(["state.json"]);
  });

  const hasStrace = spawnSync("strace", ["-V"]).status === 0;
  it.skipIf(!hasStrace)(
    "syncs the file before it is renamed and the folder after (needs strace)",
    async () => {
      const script = join(folder, "write.mjs");
      const url = new URL("../../dist/node/durable-file.js", import.meta.url);
      await writeFile(
        script,
        `import { replaceFile } from ${JSON.stringify(url.href)};
       await replaceFile(${JSON.stringify(join(folder, "f"))}, Buffer.from("x"));`,
      );
      const trace = join(folder, "trace");
      execFileSync("strace", ["-f", "-e", "trace=fsync,rename", "-o", trace, process.execPath, script]);
      const calls = [...(await readFile(trace, "utf8")).matchAll(/\b(fsync|rename)\(/g)].map(
        ([, call]) => call,
      );
      expect(calls).toEqual(["fsync", "rename", "fsync"]);
    },
  );

  it("tells a damaged document from a missing one", async () => {
    const path = join(folder, "state.json");
    expect(await durableDocument(path, form).load()).toBeNull();
    await writeFile(path, oldText.slice(0, 20));
    await expect(durableDocument(path, form).load()).rejects.toThrow(AgentStateError);
    await writeFile(path, '{"not": "an array"}');
    await expect(durableDocument(path, form).load()).rejects.toThrow(AgentStateError);
  });

  it("is no write at all when it fails", async () => {
    const path = join(folder, "state.json");
    const document = durableDocument(path, form);
    await document.save(["kept"]);
    await mkdir(join(folder, ".state.json.new"));
    await expect(document.save(["lost"])).rejects.toThrow();
    expect(await document.load()).toEqual(["kept"]);
  });
});

/** A disk of 64 KiB, where this user may mount one. */
function smallDisk(path: string): boolean {
  return spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "mote-test", path]).status === 0;
}

describe("a full disk", () => {
  const isRoot = process.getuid?.() === 0;
  it.skipIf(!isRoot)(
    "is an error of its own, and the old content stands (needs root for a tmpfs)",
    async (context) => {
      const disk = join(folder, "disk");
      await mkdir(disk);
      if (!smallDisk(disk)) context.skip("no tmpfs can be mounted here");
      try {
        const path = join(disk, "state.json");
        await replaceFile(path, Buffer.from("old"));
        await expect(replaceFile(path, Buffer.alloc(100_000))).rejects.toThrow(DiskFullError);
        expect(await readFile(path, "utf8")).toBe("old");
        expect(await readdir(disk)).toEqual(["state.json"]);
      } finally {
        spawnSync("umount", [disk]);
      }
    },
  );
});
