import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { planArena } from "./plan.js";
import type { Plan, PlanProblem, PlanStep } from "./problem.js";

function problem(sizes: Record<string, number>, steps: PlanStep[], outputs: string[]): PlanProblem {
  return {
    buffers: new Map(Object.entries(sizes).map(([name, bytes]) => [name, { name, bytes }])),
    steps,
    inputs: ["in"],
    outputs,
    alignment: 1,
  };
}

const step = (name: string, reads: string[], writes: string[], more: Partial<PlanStep> = {}): PlanStep => ({
  name,
  reads,
  writes,
  scratchBytes: 0,
  inPlace: [],
  ...more,
});

/** No two buffers alive together share a byte, except where the plan says that one lies on the other. */
function clashes(plan: Plan): string[] {
  const all = [...plan.placed.values()];
  const out: string[] = [];
  for (const a of all) {
    for (const b of all) {
      if (a.name >= b.name || a.last < b.first || b.last < a.first) continue;
      const isTied = plan.overlaps.some(
        ({ input, output }) =>
          (input === a.name && output === b.name) || (input === b.name && output === a.name),
      );
      const isShared = a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
      if (isShared && !isTied) out.push(`${a.name} and ${b.name}`);
    }
  }
  return out;
}

describe("planArena", () => {
  it("lets a chain use two ends of one arena", () => {
    const plan = planArena(
      problem(
        { in: 10, a: 40, b: 20, out: 5 },
        [step("1", ["in"], ["a"]), step("2", ["a"], ["b"]), step("3", ["b"], ["out"])],
        ["out"],
      ),
    );
    expect(plan.arenaBytes).toBe(60);
    expect(plan.isProvedOptimal).toBe(true);
    expect(clashes(plan)).toEqual([]);
  });

  it("writes over an input that nobody needs any more, and keeps one that somebody does", () => {
    const overlap = { input: "a", output: "b", outputLag: 0, extraScratchBytes: 0 };
    const steps = (extra: string[]) => [
      step("1", ["in"], ["a"]),
      step("2", ["a"], ["b"], { inPlace: [overlap] }),
      step("3", ["b", ...extra], ["out"]),
    ];
    const sizes = { in: 1, a: 40, b: 40, out: 4 };
    expect(planArena(problem(sizes, steps([]), ["out"])).arenaBytes).toBe(44);
    expect(planArena(problem(sizes, steps(["a"]), ["out"])).arenaBytes).toBe(84);
  });

  it("places an output a little below its input where a step asks for that", () => {
    const overlap = { input: "a", output: "b", outputLag: 8, extraScratchBytes: 0 };
    const plan = planArena(
      problem(
        { in: 1, a: 40, b: 40, out: 4 },
        [
          step("1", ["in"], ["a"]),
          step("2", ["a"], ["b"], { inPlace: [overlap] }),
          step("3", ["b"], ["out"]),
        ],
        ["out"],
      ),
    );
    expect(plan.placed.get("a")!.offset - plan.placed.get("b")!.offset).toBe(8);
    expect(plan.arenaBytes).toBe(48);
  });

  it("reorders branches so that the larger one is gone before the other begins", () => {
    const plan = planArena(
      problem(
        { in: 4, wide1: 100, wide2: 100, thin1: 2, thin2: 2, out: 2 },
        [
          step("a", ["in"], ["wide1"]),
          step("b", ["in"], ["wide2"]),
          step("c", ["wide1"], ["thin1"]),
          step("d", ["wide2"], ["thin2"]),
          step("e", ["thin1", "thin2"], ["out"]),
        ],
        ["out"],
      ),
    );
    expect(plan.arenaBytes).toBeLessThan(110);
    expect(plan.greedyBytes).toBeGreaterThan(200);
  });

  it("is never worse than greedy, never below its bound, and never lets two live buffers touch", () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 3, maxLength: 9 });
    const links = fc.array(fc.nat(), { minLength: 9, maxLength: 9 });
    fc.assert(
      fc.property(sizes, links, (bytes, link) => {
        const names = bytes.map((_, index) => (index === 0 ? "in" : `t${index}`));
        const steps = names.slice(1).map((name, index) => {
          const reads = [...new Set([names[index]!, names[link[index]! % (index + 1)]!])];
          const inPlace = [{ input: names[index]!, output: name, outputLag: 0, extraScratchBytes: 0 }];
          return step(name, reads, [name], { inPlace, scratchBytes: link[index]! % 7 });
        });
        const asked = problem(Object.fromEntries(names.map((name, index) => [name, bytes[index]!])), steps, [
          names.at(-1)!,
        ]);
        const plan = planArena(asked);
        expect(plan.arenaBytes).toBeLessThanOrEqual(plan.greedyBytes);
        expect(plan.arenaBytes).toBeGreaterThanOrEqual(plan.lowerBoundBytes);
        expect(clashes(plan)).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });
});
