import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { compileGraph } from "../emit/compile.js";
import { canRun, runCompiled } from "../emit/run/run.js";
import { readModel } from "../formats/index.js";
import { loadTarget } from "../targets/index.js";
import { parseBudget } from "./budget.js";
import { profileGraph } from "./profile.js";
import { longestCountedCycles, longestCycles, withInterrupts } from "./worst-case.js";

const DATA = process.env["MOTE_DATA"] ?? resolve(import.meta.dirname, "../../../../shared/data");
const hasData = existsSync(join(DATA, "mlperf-tiny"));
const target = loadTarget("stm32l4r5");
const isReady = hasData && (await canRun(target));

describe("worst case", () => {
  const mix = { longest: 1.1, codeBytes: 3, branches: 0.02, flashReads: 0.1 };

  it("pays the wait states of every line of code, every branch and every word of parameters", () => {
    expect(longestCycles(1000, mix, undefined)).toBeCloseTo(1100, 9);
    expect(longestCycles(1000, mix, { waitStates: 5, lineBytes: 16 })).toBeCloseTo(
      1100 + 5 * (187.5 + 20 + 100),
      9,
    );
  });

  it("adds declared interrupts: a share throughout, a time once", () => {
    expect(withInterrupts(900, parseBudget("interrupts: 10 %", "b.yaml"))).toBeCloseTo(1000, 9);
    expect(withInterrupts(900, parseBudget("interrupts: 0.1 ms", "b.yaml"))).toBeCloseTo(1000, 9);
    expect(withInterrupts(900, {})).toBe(900);
    expect(() => parseBudget("interrupts: 100 %", "b.yaml")).toThrow(/line 1.*100 %/);
  });

  it.skipIf(!isReady).each(["kws", "ad"])(
    "bounds what the emulator counts for %s, and not by far (needs the shared data and the emulator)",
    async (name) => {
      const graph = await readModel(join(DATA, `mlperf-tiny/${name}_int8.tflite`));
      const compiled = compileGraph(graph, target, { identifier: name });
      const folder = await mkdtemp(join(tmpdir(), "mote-worst-"));
      try {
        for (const [path, text] of compiled.files) {
          await mkdir(dirname(join(folder, path)), { recursive: true });
          await writeFile(join(folder, path), text);
        }
        await writeFile(join(folder, "params.bin"), compiled.params);
        const input = await readFile(join(DATA, `mlperf-tiny/golden/${name}/in.bin`));
        const { counts } = await runCompiled(compiled, target, folder, input);
        const counted = longestCountedCycles(counts!.mix, target.flash!.value);
        const report = profileGraph(graph, target);
        const profiled = (report.worstCaseLatencyUs * target.clockHz.value) / 1e6;
        expect(counts!.mix.flashReads).toBeGreaterThan(0);
        expect(counted).toBeGreaterThan(counts!.estimatedCycles);
        expect(profiled).toBeGreaterThan(counted);
        expect(profiled).toBeLessThan(1.3 * counted);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  );
});
