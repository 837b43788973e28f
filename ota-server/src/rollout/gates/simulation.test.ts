import type { Finding, GateEvidence, GateLook, Metric } from "@mote/protocol";
import { describe, expect, test } from "vitest";
import { findingOf } from "../abTest.js";
import { intervalOf } from "./interval.js";
import { type Evidence, judgeTelemetry, spentAtLook, windowsOfLook } from "./telemetryGate.js";

/**
 * The promise of the gates, measured: whole rollouts are simulated with devices that differ, windows that are noisy and
 * devices whose surroundings drift, and their verdicts are counted.
 */

const ROLLOUTS = process.env["MOTE_FULL"] === undefined ? 40 : 1000;
/** Fleets and the members of their waves, cumulative; the last wave is the fleet and has nobody to be compared with. */
const SMALL = [5, 12, 23];
const MIDDLE = [20, 60, 200];
const LOOKS = 6;
const RATE = 0.05;
const MARGIN = 0.05;
const METRICS: readonly Metric[] = ["confidence", "accuracy", "errorRate"];

/** mulberry32: the same rollouts in every run. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

interface Outcome {
  readonly verdict: "stop" | "advance" | "undecided";
  /** Windows on the new model until the verdict, all waves together. */
  readonly windows: number;
  /** Devices that had the new model by then. */
  readonly exposed: number;
}

/**
 * A whole rollout. Each device's worsening after a number of windows is effect + its own drift + noise of the windows;
 * silence never advances, so an undecided wave ends it too, in a person's hands.
 */
function simulate(waves: readonly number[], effect: number, seed: number): Outcome {
  const random = randomFrom(seed);
  const fleet = waves.at(-1)!;
  // What a device's surroundings do to all of its metrics alike, release or no release.
  const drift = Array.from({ length: fleet }, () => 0.012 * normal(random));
  let windows = 0;
  for (const [index, members] of waves.slice(0, -1).entries()) {
    const wave = simulateWave(drift, members, waves.length, effect, { random, seed: seed + 31 * index });
    windows += windowsOfLook(wave.looks);
    if (wave.verdict !== "advance") return { verdict: wave.verdict, windows, exposed: members };
  }
  return { verdict: "advance", windows, exposed: fleet };
}

function simulateWave(
  drift: readonly number[],
  members: number,
  waves: number,
  effect: number,
  { random, seed }: { random: () => number; seed: number },
): { verdict: Outcome["verdict"]; looks: number } {
  const baselineWindows = 10;
  const noise = 0.06;
  const gates = new Map<Metric, GateEvidence>();
  for (let look = 1; look <= LOOKS; look++) {
    const windows = windowsOfLook(look);
    for (const [i, metric] of METRICS.entries()) {
      const values = drift.map(
        (own) =>
          own +
          (noise * normal(random)) / Math.sqrt(windows) +
          (noise * normal(random)) / Math.sqrt(baselineWindows),
      );
      const evidence: Evidence = {
        metric,
        // A worse model shows in confidence and accuracy; it makes no more errors.
        wave: values.slice(0, members).map((value) => value + (metric === "errorRate" ? 0 : effect)),
        control: values.slice(members),
        notApplicable: null,
      };
      const budget = RATE / (METRICS.length * waves);
      const gate = { metric, margin: MARGIN };
      gates.set(
        metric,
        judgeTelemetry(gate, gates.get(metric), evidence, { budget, windows, seed: seed + i }),
      );
    }
    const verdicts = [...gates.values()].map((gate) => gate.verdict);
    if (verdicts.includes("stop")) return { verdict: "stop", looks: look };
    if (verdicts.every((verdict) => verdict === "advance")) return { verdict: "advance", looks: look };
  }
  return { verdict: "undecided", looks: LOOKS };
}

interface Figures {
  readonly stop: number;
  readonly advance: number;
  readonly undecided: number;
  /** Of the rollouts that were stopped: windows until then, and devices that had the model by then. */
  readonly meanWindows: number;
  readonly meanExposed: number;
}

function figures(waves: readonly number[], effect: number): Figures {
  const outcomes = Array.from({ length: ROLLOUTS }, (_, i) => simulate(waves, effect, 1 + i * 7919));
  const share = (verdict: Outcome["verdict"]) =>
    outcomes.filter((outcome) => outcome.verdict === verdict).length / ROLLOUTS;
  const stopped = outcomes.filter(({ verdict }) => verdict === "stop");
  const mean = (of: (outcome: Outcome) => number) =>
    stopped.reduce((sum, outcome) => sum + of(outcome), 0) / Math.max(1, stopped.length);
  const told = {
    stop: share("stop"),
    advance: share("advance"),
    undecided: share("undecided"),
    meanWindows: mean(({ windows }) => windows),
    meanExposed: mean(({ exposed }) => exposed),
  };
  if (process.env["MOTE_FULL"] !== undefined) {
    console.log(
      JSON.stringify({ rollouts: ROLLOUTS, fleet: waves.at(-1), canary: waves[0], effect, ...told }),
    );
  }
  return told;
}

/** Half-width of a 99 % interval of a share that was counted over so many rollouts. */
const slack = 2.58 * Math.sqrt((RATE * (1 - RATE)) / ROLLOUTS);

const FLEETS =
  process.env["MOTE_FULL"] === undefined ? [{ waves: SMALL }] : [{ waves: SMALL }, { waves: MIDDLE }];

describe.each(FLEETS)("in a fleet with the waves $waves", ({ waves }) => {
  test(`a release that is no worse is stopped in at most ${100 * RATE} % of ${ROLLOUTS} rollouts`, () => {
    expect(figures(waves, 0).stop).toBeLessThanOrEqual(RATE + slack);
  }, 600_000);

  test("a release that is worse by three times the margin is stopped at the canary, and early", () => {
    const { stop, advance, meanWindows, meanExposed } = figures(waves, 3 * MARGIN);
    expect(stop).toBeGreaterThan(0.97);
    expect(advance).toBe(0);
    expect(meanWindows).toBeLessThan(windowsOfLook(3));
    expect(meanExposed).toBe(waves[0]);
  }, 600_000);

  test("a release that is worse by twice the margin never reaches the whole fleet by itself", () => {
    const { advance, meanExposed } = figures(waves, 2 * MARGIN);
    expect(advance).toBe(0);
    expect(meanExposed).toBeLessThan(1.5 * waves[0]!);
  }, 600_000);

  test("a release that is worse by just the margin hardly ever advances", () => {
    expect(figures(waves, MARGIN).advance).toBeLessThanOrEqual(RATE + slack);
  }, 600_000);

  test("a better release is hardly ever stopped: it advances, or is held for a person", () => {
    const { stop, advance } = figures(waves, -MARGIN);
    // Its errors are no fewer, so that gate may err at the configured rate.
    expect(stop).toBeLessThanOrEqual(RATE + slack);
    expect(advance).toBeGreaterThan(0.5);
  }, 600_000);
});

/** Devices whose shadow disagrees by `mean` on average, each by its own inclination (from 0.4 to 1.6 of it). */
function shadowVerdict(devices: number, mean: number, seed: number): Outcome["verdict"] {
  const random = randomFrom(seed);
  const own = Array.from({ length: devices }, () => mean * (0.4 + 1.2 * random()));
  const seen = own.map(() => ({ compared: 0, disagreed: 0 }));
  const gate = { metric: "agreement" as const, margin: MARGIN };
  let evidence: GateEvidence | undefined;
  for (let look = 1; look <= LOOKS; look++) {
    const windows = windowsOfLook(look);
    for (const [i, one] of seen.entries()) {
      const wanted = 30 * windows;
      for (; one.compared < wanted; one.compared++) if (random() < own[i]!) one.disagreed++;
    }
    const wave = seen.map(({ compared, disagreed }) => disagreed / compared);
    const context = { budget: RATE, windows, seed };
    evidence = judgeTelemetry(gate, evidence, { wave, control: null, notApplicable: null }, context);
    if (evidence.verdict === "stop" || evidence.verdict === "advance") return evidence.verdict;
  }
  return "undecided";
}

describe.each([{ devices: 12 }, { devices: 24 }, { devices: 60 }])("in the shadow, on $devices devices", ({
  devices,
}) => {
  const shareOf = (verdict: Outcome["verdict"], mean: number) => {
    const verdicts = Array.from({ length: ROLLOUTS }, (_, i) => shadowVerdict(devices, mean, 1 + 7919 * i));
    const share = verdicts.filter((one) => one === verdict).length / ROLLOUTS;
    if (process.env["MOTE_FULL"] !== undefined) {
      console.log(
        JSON.stringify({ rollouts: ROLLOUTS, shadow: devices, disagreement: mean, verdict, share }),
      );
    }
    return share;
  };

  test("a release that disagrees no more than the margin allows is hardly ever stopped", () => {
    for (const mean of [MARGIN, 0.6 * MARGIN, 0.1 * MARGIN])
      expect(shareOf("stop", mean)).toBeLessThanOrEqual(RATE + slack);
  }, 600_000);

  test("a release that disagrees more than that hardly ever advances", () => {
    for (const mean of [MARGIN, 1.5 * MARGIN])
      expect(shareOf("advance", mean)).toBeLessThanOrEqual(RATE + slack);
  }, 600_000);

  test("one that disagrees three times as much is stopped, one that agrees advances", () => {
    expect(shareOf("stop", 3 * MARGIN)).toBeGreaterThan(0.9);
    expect(shareOf("advance", 0.2 * MARGIN)).toBeGreaterThan(0.9);
  }, 600_000);
});

/** What an A/B test of one metric finds in so many devices on each side, all looks taken. */
function abFinding(devices: number, effect: number, seed: number): Finding {
  const random = randomFrom(seed);
  const drift = Array.from({ length: 2 * devices }, () => 0.012 * normal(random));
  const trail: GateLook[] = [];
  for (let look = 1; look <= LOOKS; look++) {
    const noise = 0.06 * Math.sqrt(1 / windowsOfLook(look) + 1 / 10);
    const values = drift.map((own) => own + noise * normal(random));
    const wave = values.slice(0, devices).map((value) => value + effect);
    const interval = intervalOf(wave, values.slice(devices), RATE * spentAtLook(look), seed + look);
    const groups = { waveDevices: devices, controlDevices: devices };
    trail.push({ atMs: look, verdict: "undecided", difference: 0, ...interval, ...groups });
  }
  return findingOf(trail, MARGIN);
}

describe("an A/B test of 100 devices against as many", () => {
  const shares = (effect: number) => {
    const found = Array.from({ length: ROLLOUTS }, (_, i) => abFinding(100, effect, 1 + 7919 * i));
    const shareOf = (finding: Finding) => found.filter((one) => one === finding).length / ROLLOUTS;
    const told = { better: shareOf("better"), equal: shareOf("equal"), worse: shareOf("worse") };
    if (process.env["MOTE_FULL"] !== undefined)
      console.log(JSON.stringify({ tests: ROLLOUTS, effect, ...told }));
    return told;
  };

  test("hardly ever finds a difference that is not there", () => {
    const { better, worse } = shares(0);
    expect(Math.max(better, worse)).toBeLessThanOrEqual(RATE + slack);
  }, 600_000);

  test("hardly ever says that there is none where it is as large as the margin, and finds it", () => {
    for (const effect of [MARGIN, -MARGIN]) {
      const told = shares(effect);
      expect(told.equal).toBeLessThanOrEqual(RATE + slack);
      expect(effect > 0 ? told.worse : told.better).toBeGreaterThan(0.9);
    }
  }, 600_000);
});
