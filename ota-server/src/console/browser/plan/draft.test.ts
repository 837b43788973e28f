import { checkSchema, DEFAULT_GATES, RolloutPlan, SHADOW_GATES } from "@mote/protocol";
import { expect, test } from "vitest";
import { addWindow } from "./conditions.js";
import { addWave, beyondForm, type Draft, draftOf, emptyDraft, planOf, withStrategy } from "./draft.js";

const GATES = {
  staged: DEFAULT_GATES,
  "blue-green": DEFAULT_GATES,
  "a-b": DEFAULT_GATES,
  shadow: { ...DEFAULT_GATES, telemetry: [...SHADOW_GATES] },
};

const draft = (more: Partial<Draft>): Draft => ({
  ...emptyDraft(GATES, 1000),
  release: "digits 2.0.0",
  ...more,
});
const plan = (more: Partial<Draft> = {}) => planOf(draft(more), GATES, "salt");

test("says a plan that the server's schema takes, as it stands when it is opened", () => {
  expect(checkSchema(RolloutPlan, plan(), "plan")).toMatchObject({
    product: "digits",
    version: "2.0.0",
    query: {},
    waves: [
      { name: "canary", count: 50, soakS: 3600 },
      { name: "early", share: 0.25, soakS: 3600 },
      { name: "everybody", share: 1, soakS: 0 },
    ],
    gates: DEFAULT_GATES,
    onFailure: "rollback-fleet",
    preconditions: { requireIdle: true, requireNoCriticalTask: true },
  });
});

test("reads tags and ids as people write them", () => {
  const { query } = plan({ hardware: ["camera"], tags: "ward=3, site=a=b", devices: "cam-1\ncam-2 " });
  expect(query).toEqual({
    hardware: ["camera"],
    tags: { ward: "3", site: "a=b" },
    deviceIds: ["cam-1", "cam-2"],
  });
});

test("asks how devices are doing, in the units of the contract", () => {
  const whom = {
    running: ["none", "1.0.0"],
    agents: "0.1.0 0.2.0",
    online: "true",
    seenHours: "24",
    lastUpdateFailed: "false",
    belowFloor: "true",
    maxErrorPercent: "5",
  } as const;
  const said = plan(whom);
  expect(checkSchema(RolloutPlan, said, "plan").query).toEqual({
    running: ["none", "1.0.0"],
    agentVersions: ["0.1.0", "0.2.0"],
    health: {
      online: true,
      seenWithinS: 86_400,
      lastUpdateFailed: false,
      belowFloor: true,
      maxErrorRate: 0.05,
    },
  });
  expect(planOf(draftOf(said, GATES), GATES, "salt")).toEqual(said);
  expect(beyondForm(said, GATES)).toEqual([]);
});

test("stages a shadow with its own gates", () => {
  const margins = { agreement: "5", accuracy: "", errorRate: "1", latency: "50" };
  const shadow = plan({ strategy: "shadow", shadowPercent: "25", margins });
  expect(checkSchema(RolloutPlan, shadow, "plan")).toMatchObject({ strategy: "shadow", shadowShare: 0.25 });
  expect(shadow.gates.telemetry.map(({ metric }) => metric)).toEqual(["agreement", "errorRate", "latency"]);
  expect(draftOf(shadow, GATES).margins).toEqual(margins);
  expect(beyondForm(shadow, GATES)).toEqual([]);
});

test("stages an A/B test over a part of the fleet, and waves again when another way is chosen", () => {
  const test = { ...draft({}), ...withStrategy(draft({}), "a-b", GATES, 60) };
  const said = planOf(test, GATES, "salt");
  expect(checkSchema(RolloutPlan, said, "plan").waves).toEqual([{ name: "B", share: 0.5, soakS: 604_800 }]);
  expect(planOf(draftOf(said, GATES), GATES, "salt")).toEqual(said);
  const back = { ...test, ...withStrategy(test, "staged", GATES, 60) };
  expect(back.waves.map(({ name }) => name)).toEqual(["canary", "early", "everybody"]);
  // What was typed into waves stays where there are waves.
  expect(withStrategy(back, "shadow", GATES, 60).waves).toBeUndefined();
});

test("stages a blue-green rollout with what its switch waits for", () => {
  const said = plan({ strategy: "blue-green", switchApprovals: "2", switchWatchMinutes: "30" });
  expect(checkSchema(RolloutPlan, said, "plan").switch).toEqual({ approvals: 2, soakS: 1800 });
  expect(planOf(draftOf(said, GATES), GATES, "salt")).toEqual(said);
  expect(plan().switch).toBeUndefined();
  expect(beyondForm({ ...said, switch: { approvals: 2 } }, GATES)).toEqual([]);
});

test("leaves a gate out whose margin is empty", () => {
  const { gates } = plan({ margins: { confidence: "7", accuracy: "", errorRate: "1", latency: "50" } });
  expect(gates.telemetry.map(({ metric, margin }) => [metric, margin])).toEqual([
    ["confidence", 0.07],
    ["errorRate", 0.01],
    ["latency", 0.5],
  ]);
});

test("keeps a window only when it has both ends", () => {
  const [open] = addWindow([]);
  expect(plan({ windows: [{ ...open!, from: "22:00" }] }).preconditions.windows).toBeUndefined();
  const whole = { ...open!, from: "22:00", until: "05:00", days: ["sat" as const] };
  expect(plan({ windows: [whole, { ...whole, days: [] }] }).preconditions.windows).toEqual([
    { from: "22:00", to: "05:00", days: ["sat"] },
    { from: "22:00", to: "05:00" },
  ]);
});

test("stages an earlier plan again as it was", () => {
  const first = plan({
    hardware: ["camera"],
    tags: "ward=3",
    minBattery: "30",
    links: ["wifi", "ethernet"],
    minFreeMb: "12.5",
    minTemperature: "-5",
    maxTemperature: "40",
    windows: [{ key: 0, from: "22:00", until: "05:00", days: ["sat", "sun"] }],
    timeZone: "Europe/Berlin",
    perHour: "500",
    patienceHours: "48",
    attempts: "5",
    pauseMinutes: "10",
    approvalHours: "24",
    minConfirmedPercent: "90",
    timeoutMinutes: "30",
    comment: "again",
  });
  expect(checkSchema(RolloutPlan, first, "plan")).toMatchObject({
    preconditions: {
      links: ["wifi", "ethernet"],
      minFreeBytes: 12_500_000,
      minTemperatureC: -5,
      maxTemperatureC: 40,
      timeZone: "Europe/Berlin",
    },
    limits: { installsPerHour: 500, deadlineS: 172_800 },
    retries: { maxAttempts: 5, backoffS: 600 },
    gates: { minConfirmedShare: 0.9, installTimeoutS: 1800 },
  });
  const again = planOf(draftOf(first, GATES), GATES, "salt");
  expect(again).toEqual(first);
  expect(beyondForm(first, GATES)).toEqual([]);
});

test("begins with a canary that fits the fleet, and waves that grow", () => {
  const sizes = (fleet: number) => emptyDraft(GATES, fleet).waves.map(({ size, unit }) => `${size} ${unit}`);
  expect(sizes(0)).toEqual(["1 devices", "100 percent"]);
  expect(sizes(3)).toEqual(["1 devices", "100 percent"]);
  expect(sizes(24)).toEqual(["8 devices", "100 percent"]);
  expect(sizes(60)).toEqual(["8 devices", "25 percent", "100 percent"]);
  expect(sizes(100_000)).toEqual(["50 devices", "25 percent", "100 percent"]);
});

test("puts a new wave before the last one", () => {
  expect(addWave(draft({}).waves).map(({ name }) => name)).toEqual([
    "canary",
    "early",
    "wave 3",
    "everybody",
  ]);
});

test("names what it would lose of an earlier plan", () => {
  const known = plan({ hardware: ["camera"], minBattery: "30" });
  expect(beyondForm(known, GATES)).toEqual([]);
  expect(beyondForm({ ...known, approvals: 2 }, GATES)).toEqual([]);
  expect(beyondForm({ ...known, strategy: "canary" }, GATES)).toEqual([]);
  // The form has one word for idle and for no critical task, and one set of conditions for all waves.
  const preconditions = { requireIdle: true };
  const waves = known.waves.map((wave) => ({ ...wave, preconditions: { links: ["wifi" as const] } }));
  expect(beyondForm({ ...known, preconditions, waves }, GATES)).toEqual(["waves", "preconditions"]);
});
