import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_GATES } from "@mote/protocol";
import { describe, expect, test } from "vitest";
import { parseWave, readPlan } from "./plan.js";

describe("a wave on the command line", () => {
  test("is a number of devices or a share, with a soak time in any unit", () => {
    expect(parseWave("canary:5")).toEqual({ name: "canary", count: 5, soakS: 0 });
    expect(parseWave("early:2.5%:30m")).toEqual({ name: "early", share: 0.025, soakS: 1800 });
    expect(parseWave("all:100%:1d")).toEqual({ name: "all", share: 1, soakS: 86_400 });
  });

  test("that can't be read is refused with an example", () => {
    for (const text of ["canary", "canary:x", ":5", "a:5:6:7"])
      expect(() => parseWave(text)).toThrow(/canary:5%:30m/);
  });
});

describe("a plan", () => {
  test("has sensible waves and gates when only product and release are named", async () => {
    const plan = await readPlan({ product: "digits", release: "2.0.0", tag: ["site=north"] });
    expect(plan).toMatchObject({ version: "2.0.0", onFailure: "hold", gates: DEFAULT_GATES });
    expect(plan.waves.at(-1)).toMatchObject({ share: 1 });
    expect(plan.query).toEqual({ tags: { site: "north" } });
  });

  test("comes from a file, and options win over it", async () => {
    const file = join(mkdtempSync(join(tmpdir(), "mote-plan-")), "plan.yaml");
    writeFileSync(file, "product: digits\nversion: 1.0.0\ngates: { deadlineS: 60 }\nonFailure: hold\n");
    const plan = await readPlan({ plan: file, release: "1.1.0", onFailure: "rollback-fleet" });
    expect(plan).toMatchObject({ product: "digits", version: "1.1.0", onFailure: "rollback-fleet" });
    expect(plan.gates).toEqual({ ...DEFAULT_GATES, deadlineS: 60 });
  });

  test("says when a blue-green rollout switches, by the file and by options over it", async () => {
    const file = join(mkdtempSync(join(tmpdir(), "mote-plan-")), "plan.yaml");
    writeFileSync(file, "product: digits\nversion: 1.0.0\nstrategy: blue-green\nswitch: { approvals: 1 }\n");
    expect((await readPlan({ plan: file })).switch).toEqual({ approvals: 1 });
    const plan = await readPlan({ plan: file, switchApprovals: "2", switchSoak: "30m" });
    expect(plan).toMatchObject({ strategy: "blue-green", switch: { approvals: 2, soakS: 1800 } });
    expect((await readPlan({ product: "digits", release: "1.0.0" })).switch).toBeUndefined();
  });

  test("is refused with the line of a typing error, and of times that no calendar holds", async () => {
    const file = join(mkdtempSync(join(tmpdir(), "mote-plan-")), "plan.yaml");
    for (const [line, refusal] of [
      ["retires: { maxAttempts: 3, backoffS: 300 }", /nearest is retries .*line 3/],
      ["onFailure: rolback-fleet", /nearest is rollback-fleet .*line 3/],
      ["approvalExpiresS: 1.0e+300", /approvalExpiresS" \(line 3\)/],
    ] as const) {
      writeFileSync(file, `product: digits\nversion: 1.0.0\n${line}\n`);
      await expect(readPlan({ plan: file })).rejects.toThrow(refusal);
    }
    writeFileSync(file, "");
    await expect(readPlan({ plan: file })).rejects.toThrow(/got nothing/);
  });

  test("that breaks its schema is refused by the field at fault", async () => {
    await expect(readPlan({ product: "Digits!", release: "1.0.0" })).rejects.toThrow(/product/);
    await expect(readPlan({ product: "digits", release: "1.0.0", onFailure: "panic" })).rejects.toThrow(
      /onFailure/,
    );
    await expect(readPlan({ plan: "/nowhere/plan.yaml" })).rejects.toMatchObject({ code: "MOTE_USAGE" });
  });
});

describe("whom a plan is for", () => {
  const named = { product: "digits", release: "2.0.0" };

  test("is said by what devices run and how they are doing", async () => {
    const plan = await readPlan({
      ...named,
      running: ["1.0.0", "none"],
      agentVersion: ["0.1.0"],
      health: ["online", "lastUpdateFailed=false", "seenWithin=24h", "maxErrorRate=0.05"],
    });
    expect(plan.query).toEqual({
      running: ["1.0.0", "none"],
      agentVersions: ["0.1.0"],
      health: { online: true, lastUpdateFailed: false, seenWithinS: 86_400, maxErrorRate: 0.05 },
    });
  });

  test("is refused by the word at fault", async () => {
    await expect(readPlan({ ...named, health: ["healthy"] })).rejects.toThrow(/lastUpdateFailed.*"healthy"/s);
    await expect(readPlan({ ...named, health: ["seenWithin=soon"] })).rejects.toThrow(/24h/);
    await expect(readPlan({ ...named, health: ["maxErrorRate=2"] })).rejects.toThrow(/maxErrorRate/);
    await expect(readPlan({ ...named, running: ["latest"] })).rejects.toThrow(/running/);
  });
});

describe("windows, limits and batteries", () => {
  test("come from options, over what the file says", async () => {
    const plan = await readPlan({
      product: "digits",
      release: "2.0.0",
      window: ["22:00-05:00", "sat,sun:08:00-18:00"],
      minBattery: "40",
      concurrent: "5",
      perHour: "100",
    });
    expect(plan.preconditions).toEqual({
      minBatteryPercent: 40,
      windows: [
        { from: "22:00", to: "05:00" },
        { days: ["sat", "sun"], from: "08:00", to: "18:00" },
      ],
    });
    expect(plan.limits).toEqual({ installsPerHour: 100, concurrent: 5 });
  });

  test.each([
    "22-05",
    "25:00-05:00",
    "someday:01:00-02:00",
    "01:00",
    "",
  ])("refuse %j in words", async (text) => {
    await expect(readPlan({ product: "digits", release: "2.0.0", window: [text] })).rejects.toThrow(
      /Expected/,
    );
  });

  test("stand in the plan that the documentation shows", async () => {
    const page = readFileSync(new URL("../../../../docs/rollouts.md", import.meta.url), "utf8");
    const yaml = /```yaml\n([\s\S]*?)```/.exec(page)![1]!;
    const file = join(mkdtempSync(join(tmpdir(), "mote-plan-")), "plan.yaml");
    writeFileSync(file, yaml);
    const plan = await readPlan({ plan: file });
    expect(plan.waves[1]).toMatchObject({ approvals: 2 });
    expect(plan.preconditions.windows).toHaveLength(1);
    expect(plan.gates.telemetry.length).toBeGreaterThan(0);
  });
});
