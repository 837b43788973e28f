import type { GateEvidence, Metric } from "@mote/protocol";
import { expect, test } from "vitest";
import { type Evidence, judgeTelemetry, windowsOfLook } from "./telemetryGate.js";

/**
 * The promise of the gates, measured: whole rollouts are simulated with devices that differ, windows that are noisy and
 * devices whose surroundings drift, and their verdicts are counted.
 */

const ROLLOUTS = process.env["MOTE_FULL"] === undefined ? 40 : 1000;
const FLEET = 23;
const CANARY = 5;
const LOOKS = 6;
const RATE = 0.05;
const MARGIN = 0.05;
const METRICS: readonly Metric[] = ["confidence", "accuracy", "errorRate"];
const WAVES = 2;

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
  readonly looks: number;
}

/** One canary wave: each device's worsening after a number of windows is effect + its own drift + noise of the windows. */
function simulate(effect: number, seed: number): Outcome {
  const random = randomFrom(seed);
  const baselineWindows = 10;
  const noise = 0.06;
  // What a device's surroundings do to all of its metrics alike, release or no release.
  const drift = Array.from({ length: FLEET }, () => 0.012 * normal(random));
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
        wave: values.slice(0, CANARY).map((value) => value + (metric === "errorRate" ? 0 : effect)),
        control: values.slice(CANARY),
        notApplicable: null,
      };
      const budget = RATE / (METRICS.length * WAVES);
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

function shares(effect: number): Record<Outcome["verdict"], number> & { meanLooks: number } {
  const outcomes = Array.from({ length: ROLLOUTS }, (_, i) => simulate(effect, 1 + i * 7919));
  const share = (verdict: Outcome["verdict"]) =>
    outcomes.filter((outcome) => outcome.verdict === verdict).length / ROLLOUTS;
  return {
    stop: share("stop"),
    advance: share("advance"),
    undecided: share("undecided"),
    meanLooks: outcomes.reduce((sum, outcome) => sum + outcome.looks, 0) / ROLLOUTS,
  };
}

/** Half-width of a 99 % interval of a share that was counted over so many rollouts. */
const slack = 2.58 * Math.sqrt((RATE * (1 - RATE)) / ROLLOUTS);

test(`a release that is no worse is stopped in at most ${100 * RATE} % of ${ROLLOUTS} rollouts`, () => {
  expect(shares(0).stop).toBeLessThanOrEqual(RATE + slack);
}, 300_000);

test("a release that is worse by three times the margin is stopped, and early", () => {
  const { stop, advance, meanLooks } = shares(3 * MARGIN);
  expect(stop).toBeGreaterThan(0.97);
  expect(advance).toBe(0);
  expect(meanLooks).toBeLessThan(3);
}, 300_000);

test("a release that is worse by just the margin hardly ever advances", () => {
  expect(shares(MARGIN).advance).toBeLessThanOrEqual(RATE + slack);
}, 300_000);

test("a better release mostly advances within 23 windows, and is else held for a person", () => {
  const { stop, advance } = shares(-MARGIN);
  // Its errors are no fewer, so that gate may err at the configured rate.
  expect(stop).toBeLessThanOrEqual(RATE + slack);
  expect(advance).toBeGreaterThan(0.75);
}, 300_000);
