import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { applyPatch, encodePatchHeader, PatchError } from "../../src/index.js";
import { perturbModel, randomBytes } from "../../src/patch/test-models.js";
import { nodeSha256 as sha256 } from "../crypto.js";
import { BSDIFF_LIMITS, bsdiffAbsence, makeBsdiffPatch } from "./bsdiff.js";
import { makePatches } from "./make-patches.js";

const base = randomBytes(20_000, 1);
const next = perturbModel(base, 2, 0.02);
const hasLibrary = bsdiffAbsence() === null;
const hasProgram = (() => {
  try {
    execFileSync("bsdiff", { stdio: "ignore" });
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ENOENT";
  }
})();

describe("makePatches", () => {
  it("gives the codecs asked for, the smallest first, none larger than full, each true", async () => {
    const made = await makePatches(base, next, ["full", "tensor", "bsdiff"]);
    expect(made.map(({ codec }) => codec)).toEqual(
      hasLibrary ? ["tensor", "bsdiff", "full"] : ["tensor", "full"],
    );
    for (const { codec, patch } of made) {
      expect(applyPatch(codec === "full" ? new Uint8Array(0) : base, patch, { sha256 })).toEqual(next);
      expect(patch.length).toBeLessThanOrEqual(made.at(-1)!.patch.length);
    }
  });

  it("leaves away what does not help: a file that has nothing of its base", async () => {
    const made = await makePatches(randomBytes(10_000, 3), new Uint8Array(10_000), ["tensor", "bsdiff"]);
    for (const { patch } of made) expect(patch.length).toBeLessThan(200);
  });
});

describe("bsdiff", () => {
  it.skipIf(!hasLibrary)("many at once are made one after the other (needs bsdiff-node)", async () => {
    const made = await Promise.all(
      [1, 2, 3].map((seed) => makeBsdiffPatch(base, perturbModel(base, seed, 0.01))),
    );
    made.forEach((patch, i) => {
      expect(applyPatch(base, patch!, { sha256 })).toEqual(perturbModel(base, i + 1, 0.01));
    });
  });

  it("a file beyond the limit gets no patch", async () => {
    expect(await makeBsdiffPatch(base, new Uint8Array(BSDIFF_LIMITS.maxFileBytes + 1))).toBeNull();
  });

  it.skipIf(!hasProgram)("applies what the original program makes (needs bsdiff)", () => {
    const folder = mkdtempSync(join(tmpdir(), "mote-bsdiff-test-"));
    try {
      const files = ["old", "new", "patch"].map((name) => join(folder, name));
      const moved = new Uint8Array([
        ...next.subarray(7000),
        ...randomBytes(500, 9),
        ...next.subarray(0, 9000),
      ]);
      writeFileSync(files[0]!, base);
      writeFileSync(files[1]!, moved);
      execFileSync("bsdiff", files);
      const header = encodePatchHeader({
        codec: "bsdiff",
        resultLength: moved.length,
        baseDigest: sha256(base),
        resultDigest: sha256(moved),
      });
      const patch = new Uint8Array(Buffer.concat([header, readFileSync(files[2]!)]));
      expect(applyPatch(base, patch, { sha256 })).toEqual(moved);
      for (let at = 28; at < patch.length; at += 7) {
        const broken = patch.slice();
        broken[at]! ^= 0x10;
        try {
          expect(applyPatch(base, broken, { sha256 })).toEqual(moved);
        } catch (error) {
          if (!(error instanceof PatchError)) throw error;
        }
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
