import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MoteError } from "@mote/protocol";
import { nodeSha256, perturbModel } from "@mote/protocol/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compileGraph } from "../../emit/compile.js";
import { wideGraph } from "../../emit/networks.cases.js";
import { loadTarget } from "../../targets/index.js";
import type { CliCommand } from "../command.js";
import { runCommand } from "../testing.js";
import { command as diffCommand } from "./diff.js";
import { command as patchCommand } from "./patch.js";

/** `mote diff` and `mote patch` as typed, on files. */

const COMMANDS: Record<string, CliCommand> = { diff: diffCommand, patch: patchCommand };
let folder = "";
const at = (name: string): string => join(folder, name);
const hex = (bytes: Uint8Array): string => Buffer.from(nodeSha256(bytes)).toString("hex");
const base = Uint8Array.from({ length: 3000 }, (_, i) => Math.round(90 * Math.sin(i * i)) & 255);
const next = perturbModel(base, 1, 0.1);

const mote = (name: string, ...words: string[]) => runCommand(COMMANDS[name]!, ...words);

/** Code and exit code of what a command throws. */
async function failure(name: string, ...words: string[]): Promise<[string, number]> {
  const error = await mote(name, ...words).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(MoteError);
  const { code, exitCode } = error as MoteError;
  return [code, exitCode];
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "mote-patch-"));
  await writeFile(at("old"), base);
  await writeFile(at("new"), next);
  await writeFile(at("other"), next.subarray(1));
  await mote("diff", at("old"), at("new"), "-o", at("patch"), "--codec", "tensor");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("mote diff", () => {
  it("keeps the smallest codec and says what the others would take", async () => {
    const report = await mote("diff", at("old"), at("new"), "-o", at("smallest"));
    const { length } = await readFile(at("smallest"));
    expect(report).toMatchObject({ oldBytes: 3000, newBytes: 3000, patchBytes: length });
    expect(report).toMatchObject({ oldSha256: hex(base), newSha256: hex(next) });
    expect(Math.min(...Object.values(report["tried"] as Record<string, number>))).toBe(length);
  });

  it("full needs no old file's bytes to be applied", async () => {
    await mote("diff", at("old"), at("new"), "-o", at("full"), "--codec", "full");
    await mote("patch", at("other"), at("full"), "-o", at("from-full"));
    expect(new Uint8Array(await readFile(at("from-full")))).toEqual(next);
  });

  it("takes the layout of parameters that lies beside them, or the one that is named", async () => {
    const graph = wideGraph(1);
    const [old, made] = [graph, wideGraph(2)].map((each) => compileGraph(each, loadTarget("cortex-m4f")));
    for (const name of ["v1", "v2", "apart"]) await mkdir(at(name));
    await writeFile(at("v1/params.bin"), old!.params);
    await writeFile(at("v2/params.bin"), made!.params);
    await writeFile(at("apart/layout.json"), JSON.stringify(made!.layout));
    await writeFile(at("apart/broken.json"), JSON.stringify({ ...old!.layout, paramBytes: 3 }));
    const files = [at("v1/params.bin"), at("v2/params.bin"), "-o", at("by-layout")];
    const tried = async (...more: string[]): Promise<number> => {
      const report = await mote("diff", ...files, "--codec", "tensor", ...more);
      await mote("patch", files[0]!, at("by-layout"), "-o", at("params-made"));
      expect(new Uint8Array(await readFile(at("params-made")))).toEqual(made!.params);
      return report["patchBytes"] as number;
    };
    const without = await tried();
    const named = await tried("--layout", at("apart/layout.json"));
    expect(named).toBeLessThan(without);
    await writeFile(at("v1/params.layout.json"), JSON.stringify(made!.layout));
    expect(await tried()).toBe(named);
    expect(await failure("diff", ...files, "--layout", at("apart/broken.json"))).toEqual([
      "MOTE_PATCH_LAYOUT",
      2,
    ]);
    expect(await failure("diff", ...files, "--layout", at("apart/none.json"))).toEqual(["MOTE_FILE", 2]);
  });

  it("refuses a missing file, an unknown codec and an unwritable place: exit 2", async () => {
    const out = ["-o", at("never")];
    expect(await failure("diff", at("absent"), at("new"), ...out)).toEqual(["MOTE_FILE", 2]);
    expect(await failure("diff", at("old"), at("new"), ...out, "--codec", "zip")).toEqual(["MOTE_USAGE", 2]);
    expect(await failure("diff", at("old"), at("new"), "-o", at("no/folder"))).toEqual(["MOTE_FILE", 2]);
    expect(await readdir(folder)).not.toContain("never");
  });
});

describe("mote patch", () => {
  it("makes the new file, byte for byte", async () => {
    const report = await mote("patch", at("old"), at("patch"), "-o", at("made"));
    expect(new Uint8Array(await readFile(at("made")))).toEqual(next);
    expect(report).toMatchObject({ codec: "tensor", newBytes: 3000, newSha256: hex(next) });
  });

  it("--inspect shows the header and applies nothing", async () => {
    const { length } = await readFile(at("patch"));
    expect(await mote("patch", "--inspect", at("patch"))).toEqual({
      codec: "tensor",
      newBytes: 3000,
      patchBytes: length,
      oldDigest: hex(base).slice(0, 8),
      newDigest: hex(next).slice(0, 8),
    });
  });

  it("refuses another base, a corrupt or cut patch and what is no patch: exit 2, nothing written", async () => {
    const patch = new Uint8Array(await readFile(at("patch")));
    const flipped = patch.slice();
    flipped[60]! ^= 4;
    await writeFile(at("flipped"), flipped);
    await writeFile(at("cut"), patch.subarray(0, patch.length - 9));
    const out = ["-o", at("refused")];
    expect(await failure("patch", at("other"), at("patch"), ...out)).toEqual(["MOTE_PATCH_BASE", 2]);
    expect((await failure("patch", at("old"), at("flipped"), ...out))[0]).toMatch(/^MOTE_PATCH_/);
    expect((await failure("patch", at("old"), at("cut"), ...out))[0]).toMatch(/^MOTE_PATCH_/);
    expect(await failure("patch", at("old"), at("new"), ...out)).toEqual(["MOTE_PATCH_FORMAT", 2]);
    expect(await failure("patch", at("old"))).toEqual(["MOTE_USAGE", 2]);
    expect(await readdir(folder)).not.toContain("refused");
  });
});
