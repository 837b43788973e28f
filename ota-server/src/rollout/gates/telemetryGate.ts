import type { GateEvidence, Metric, TelemetryGate, Verdict } from "@mote/protocol";
import { comparePaired, leastPairedP } from "./paired.js";
import { compareGroups, leastP } from "./permutation.js";

/** What the fleet says about one metric. Values are each device's worsening against its own baseline. */
export interface Evidence {
  readonly metric: Metric;
  readonly wave: readonly number[];
  /** Null where each device is its own control. */
  readonly control: readonly number[] | null;
  /** By what it is its own control; left out: by the release that serves beside the one in its shadow. */
  readonly pairedWith?: "past";
  /** Why there is nothing to compare, and never will be in this wave; null where there is or may be. */
  readonly notApplicable: string | null;
}

/** Windows on the new release, of the wave's middle device, at which the k-th look is taken: 3, 5, 7, 11, 16, 23 … */
export function windowsOfLook(look: number): number {
  return Math.ceil(3 * 1.5 ** (look - 1));
}

/**
 * Share of a gate's error budget that look k may spend. The shares of all looks, however many there will be, add up to
 * one, so the promised rate of false stops holds whenever and however often one looks.
 */
export function spentAtLook(look: number): number {
  return 1 / (look * (look + 1));
}

export interface LookContext {
  /** This gate's part of the rollout's false-stop rate. */
  readonly budget: number;
  /** Windows on the new release of the wave's middle device. */
  readonly windows: number;
  readonly seed: number;
}

/**
 * One gate's next evidence. A look is taken only when it is due; between looks the last verdict stands, because a test
 * that is read at every moment spends its error budget at every moment.
 */
export function judgeTelemetry(
  gate: TelemetryGate,
  before: GateEvidence | undefined,
  evidence: Omit<Evidence, "metric">,
  context: LookContext,
): GateEvidence {
  const looks = before?.looks ?? 0;
  const base: GateEvidence = {
    gate: gate.metric,
    verdict: before?.verdict ?? "undecided",
    text: before?.text ?? "waits for telemetry of the wave",
    difference: before?.difference ?? null,
    margin: gate.margin,
    waveDevices: evidence.wave.length || (before?.waveDevices ?? 0),
    controlDevices: evidence.control?.length || (before?.controlDevices ?? 0),
    pWorse: before?.pWorse ?? null,
    threshold: before?.threshold ?? null,
    looks,
  };
  if (evidence.notApplicable !== null) {
    return { ...base, verdict: "not-applicable", text: evidence.notApplicable };
  }
  const look = looks + 1;
  if (context.windows < windowsOfLook(look)) return base;
  const { wave, control } = evidence;
  if (wave.length === 0 || control?.length === 0) {
    const whom = evidence.pairedWith === "past" ? "with a past to compare with" : "whose shadow was seen";
    return {
      ...base,
      text: `waits for devices ${control === null ? whom : "with a baseline in wave and control group"}`,
    };
  }
  const threshold = context.budget * spentAtLook(look);
  const least = control === null ? leastPairedP(wave.length) : leastP(wave.length, control.length);
  if (least > threshold) {
    const against = control === null ? "" : ` against ${control.length}`;
    const text = `${wave.length} devices${against} can't give a verdict at this error rate (least p ${format(least)}, needed ${format(threshold)})`;
    return { ...base, verdict: "undecided", text, threshold };
  }
  const seed = context.seed + look;
  const result =
    control === null
      ? comparePaired(wave, gate.margin, centreOf(gate), seed)
      : compareGroups(wave, control, gate.margin, seed);
  const verdict = verdictOf(result, gate.margin, threshold);
  return {
    ...base,
    verdict,
    text: explain(gate, verdict, result.difference, comparedWith(evidence)),
    difference: result.difference,
    pWorse: result.pWorse,
    threshold,
    looks: look,
  };
}

/** No two releases agree always, so "worse" is more disagreement than the margin allows; elsewhere it is any worsening. */
function centreOf({ metric, margin }: TelemetryGate): number {
  return metric === "agreement" ? margin : 0;
}

/**
 * "stop" needs both: surely worse at all, and worse by the margin as measured. "advance" needs to be surely not worse
 * by the margin. Between the two more windows are wanted.
 */
function verdictOf(
  result: { difference: number; pWorse: number; pTolerable: number },
  margin: number,
  threshold: number,
): Verdict {
  if (result.pWorse <= threshold && result.difference >= margin) return "stop";
  if (result.pTolerable <= threshold) return "advance";
  return "undecided";
}

const points = (value: number, digits: number) => `${(100 * value).toFixed(digits)} points`;

/** How a difference reads, and how a margin of the same metric does. */
const WORDS: Record<Metric, { difference(value: number): string; margin(value: number): string }> = {
  confidence: {
    difference: (value) => `${points(Math.abs(value), 1)} of confidence ${value > 0 ? "lost" : "gained"}`,
    margin: (value) => points(value, 1),
  },
  accuracy: {
    difference: (value) =>
      `${points(Math.abs(value), 1)} of accuracy on labelled probes ${value > 0 ? "lost" : "gained"}`,
    margin: (value) => points(value, 1),
  },
  errorRate: {
    difference: (value) => `${points(Math.abs(value), 2)} ${value > 0 ? "more" : "fewer"} errors`,
    margin: (value) => points(value, 2),
  },
  latency: {
    difference: (value) => `${(100 * Math.abs(value)).toFixed(0)} % ${value > 0 ? "slower" : "faster"}`,
    margin: (value) => `${(100 * value).toFixed(0)} %`,
  },
  agreement: {
    difference: (value) => `${points(value, 1)} of disagreement`,
    margin: (value) => points(value, 1),
  },
};

/** A worsening in words: `2.1 points of confidence lost`. */
export function differenceText(metric: Metric, value: number): string {
  return WORDS[metric].difference(value);
}

/** A margin, or a worsening with its sign: `5.0 points`. */
export function marginText(metric: Metric, value: number): string {
  return WORDS[metric].margin(value);
}

function comparedWith({ control, pairedWith }: Omit<Evidence, "metric">): string {
  if (control !== null) return "the control group";
  return pairedWith === "past" ? "the same devices before the switch" : "the release that serves";
}

function explain(gate: TelemetryGate, verdict: Verdict, difference: number, against: string): string {
  const words = WORDS[gate.metric];
  const measured = `${words.difference(difference)} against ${against}, margin ${words.margin(gate.margin)}`;
  if (verdict === "stop") return `worse: ${measured}`;
  if (verdict === "advance") return `not worse by the margin: ${measured}`;
  return `undecided so far: ${measured}`;
}

function format(p: number): string {
  return p >= 0.001 ? p.toFixed(4) : p.toExponential(1);
}
