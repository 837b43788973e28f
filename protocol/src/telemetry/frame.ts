import { decode, encode } from "cborg";
import { SchemaError } from "../errors.js";
import { abbreviate } from "../schema.js";

/**
 * One window of a device's life as a positional CBOR array: names would cost more than the numbers.
 * Positions are append-only; a reader ignores positions that it does not know.
 */

export const FRAME_VERSION = 1;
/** Equal-width bins of [0, 1]; a fixed histogram merges by addition and needs 40-80 B. */
export const CONFIDENCE_BINS = 20;
export const FRAME_MAX_BYTES = 8 * 1024;
export const MAX_CLASSES = 1024;

export interface TelemetryFrame {
  /** Grows by one per frame and device, persisted: the server drops what it has already counted. */
  readonly sequence: number;
  /** Milliseconds since 1970 by the device's own clock (may be wrong; the server keeps its own arrival time). */
  readonly windowStartMs: number;
  readonly windowMs: number;
  /** `sequence` of the release that ran in this window. */
  readonly releaseSequence: number;
  /** True while the release is on probation. */
  readonly onProbation: boolean;
  readonly inferences: number;
  readonly errors: number;
  /** Outputs outside of the safety envelope. */
  readonly abstained: number;
  readonly latencyUs: { readonly mean: number; readonly p95: number; readonly max: number };
  /** Estimated energy per inference in microjoule; 0 when the device can't tell. */
  readonly energyUj: number;
  /** Count of inferences by top-1 confidence; CONFIDENCE_BINS entries. */
  readonly confidence: readonly number[];
  /** Count of inferences by top-1 class. */
  readonly outputs: readonly number[];
  /** Labelled probes: outputs whose truth the device learnt (for example a meter's checksum digit). */
  readonly probes: { readonly seen: number; readonly correct: number };
  /** Percent; null for mains power. */
  readonly batteryPercent: number | null;
  readonly temperatureC: number | null;
  /** Of a release in the shadow: inferences that the serving one made too, and those in which both named one class. */
  readonly shadow?: { readonly compared: number; readonly agreed: number } | null;
}

export function encodeFrame(frame: TelemetryFrame): Uint8Array {
  return encode([
    FRAME_VERSION,
    frame.sequence,
    Math.round(frame.windowStartMs),
    Math.round(frame.windowMs),
    frame.releaseSequence,
    frame.onProbation ? 1 : 0,
    frame.inferences,
    frame.errors,
    frame.abstained,
    [Math.round(frame.latencyUs.mean), Math.round(frame.latencyUs.p95), Math.round(frame.latencyUs.max)],
    Math.round(frame.energyUj),
    [...frame.confidence],
    [...frame.outputs],
    [frame.probes.seen, frame.probes.correct],
    frame.batteryPercent === null ? null : Math.round(frame.batteryPercent),
    frame.temperatureC === null ? null : Math.round(frame.temperatureC),
    ...(frame.shadow == null ? [] : [[frame.shadow.compared, frame.shadow.agreed]]),
  ]);
}

function bad(what: string, got: unknown, cause?: unknown): SchemaError {
  return new SchemaError({
    expected: what,
    got: got instanceof Uint8Array ? `${got.length} bytes` : abbreviate(got),
    todo: "Check that the device runs a matching agent version; the frame was dropped.",
    ...(cause === undefined ? {} : { cause }),
  });
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function count(value: unknown, name: string): number {
  if (!isCount(value)) throw bad(`a non-negative integer for ${name}`, value);
  return value;
}

function counts(value: unknown, name: string, min: number, max: number): number[] {
  if (!Array.isArray(value) || value.length < min || value.length > max) {
    throw bad(`${min} to ${max} counts for ${name}`, value);
  }
  // Names are made where one is needed: a server reads thousands of frames a second, with thirty counts in each.
  for (let i = 0; i < value.length; i++) if (!isCount(value[i])) count(value[i], `${name}[${i}]`);
  return value;
}

function shadowOf(value: unknown, inferences: number): { compared: number; agreed: number } {
  const [compared, agreed] = counts(value, "shadow", 2, 2) as [number, number];
  if (agreed <= compared && compared <= inferences) return { compared, agreed };
  throw bad("at most as many agreements as comparisons, and as these as inferences", value);
}

function gauge(value: unknown, name: string, min: number, max: number): number | null {
  if (value === null) return null;
  if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max) {
    throw bad(`null or an integer from ${min} to ${max} for ${name}`, value);
  }
  return value;
}

/** Throws SchemaError on anything that is not a frame, and on frames whose counts contradict each other. */
export function decodeFrame(bytes: Uint8Array): TelemetryFrame {
  if (bytes.length > FRAME_MAX_BYTES) throw bad(`a frame of at most ${FRAME_MAX_BYTES} bytes`, bytes);
  let value: unknown;
  try {
    value = decode(bytes);
  } catch (cause) {
    throw bad("a CBOR array", bytes, cause);
  }
  if (!Array.isArray(value) || value.length < 16) throw bad("a CBOR array of at least 16 positions", value);
  if (value[0] !== FRAME_VERSION) throw bad(`frame version ${FRAME_VERSION}`, value[0]);
  const inferences = count(value[6], "inferences");
  const latency = counts(value[9], "latencyUs", 3, 3);
  const probes = counts(value[13], "probes", 2, 2);
  const confidence = counts(value[11], "confidence", CONFIDENCE_BINS, CONFIDENCE_BINS);
  const outputs = counts(value[12], "outputs", 0, MAX_CLASSES);
  const total = (bins: number[]) => bins.reduce((sum, n) => sum + n, 0);
  if (total(confidence) > inferences || total(outputs) > inferences) {
    throw bad("histograms that hold at most as many entries as there were inferences", inferences);
  }
  if (probes[1]! > probes[0]!) throw bad("at most as many correct probes as seen ones", probes);
  return {
    sequence: count(value[1], "sequence"),
    windowStartMs: count(value[2], "windowStartMs"),
    windowMs: count(value[3], "windowMs"),
    releaseSequence: count(value[4], "releaseSequence"),
    onProbation: count(value[5], "onProbation") !== 0,
    inferences,
    errors: count(value[7], "errors"),
    abstained: count(value[8], "abstained"),
    latencyUs: { mean: latency[0]!, p95: latency[1]!, max: latency[2]! },
    energyUj: count(value[10], "energyUj"),
    confidence,
    outputs,
    probes: { seen: probes[0]!, correct: probes[1]! },
    batteryPercent: gauge(value[14], "batteryPercent", 0, 100),
    temperatureC: gauge(value[15], "temperatureC", -100, 200),
    ...(value[16] == null ? {} : { shadow: shadowOf(value[16], inferences) }),
  };
}
