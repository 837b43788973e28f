import type { DeviceDetail, UpdateReport } from "@mote/protocol";
import { bytes } from "../format.js";
import { phaseOf, reasonOf, type Tone, waitsFor } from "../words.js";

/** A device's life as one line of events, newest first. Pure. */

export interface StoryEvent {
  readonly key: string;
  readonly atMs: number;
  readonly tone: Tone;
  readonly text: string;
  /** In the device's own words, or figures. */
  readonly detail: string;
  readonly rolloutId: string | null;
}

export function storyOf({ device, rollouts, reports, versions }: DeviceDetail): StoryEvent[] {
  const names = new Map(versions.map(({ sequence, version }) => [sequence, version]));
  const nameOf = (sequence: number) => names.get(sequence) ?? `release #${sequence}`;
  const enrolled: StoryEvent = {
    key: "enrolled",
    atMs: device.enrolledAtMs,
    tone: "good",
    text: "enrolled",
    detail: `for ${device.product}, as ${device.hardware}`,
    rolloutId: null,
  };
  const told = rollouts.map(({ rolloutId, version, wave, offeredAtMs, attempts }) => ({
    key: `told/${rolloutId}`,
    atMs: offeredAtMs,
    tone: "busy" as const,
    text: `was told of ${version}`,
    detail: `in wave “${wave}”${attempts > 1 ? `, attempt ${attempts}` : ""}`,
    rolloutId,
  }));
  const events = [enrolled, ...told, ...reports.map((one) => eventOf(one, nameOf))];
  return events.sort((a, b) => b.atMs - a.atMs);
}

type NameOf = (sequence: number) => string;

function eventOf({ receivedAtMs, report }: DeviceDetail["reports"][number], nameOf: NameOf): StoryEvent {
  return {
    key: report.id,
    atMs: receivedAtMs,
    tone: toneOf(report),
    text: textOf(report, nameOf(report.targetSequence)),
    detail: detailOf(report),
    rolloutId: report.offerId?.split(":")[0] ?? null,
  };
}

function toneOf({ phase, code }: UpdateReport): Tone {
  if (phase === "confirmed") return "good";
  if (phase === "reverted" || phase === "refused" || phase === "failed") return "bad";
  return code === "waiting-preconditions" ? "wait" : "busy";
}

function textOf({ phase, code, detail }: UpdateReport, release: string): string {
  if (code === "waiting-preconditions")
    return `waits for ${waitsFor(detail || "something")} before ${release}`;
  const why = code === "ok" ? "" : `, because of ${reasonOf(code)}`;
  switch (phase) {
    case "confirmed":
      return `confirmed ${release}`;
    case "reverted":
      return `tried ${release} and went back${why}`;
    case "refused":
      return `refused ${release}${why}`;
    case "failed":
      return `did not get ${release} installed${why}`;
    default:
      return `${phaseOf(phase)}: ${release}${why}`;
  }
}

function detailOf({ code, detail, codec, downloadedBytes }: UpdateReport): string {
  const transfer =
    codec === null ? "" : `${bytes(downloadedBytes)} came over the network (${CODEC[codec] ?? codec})`;
  return [code === "waiting-preconditions" ? "" : detail, transfer].filter((text) => text !== "").join("; ");
}

const CODEC: Readonly<Record<string, string>> = {
  full: "the whole file",
  tensor: "what changed in each tensor",
  bsdiff: "a byte patch",
  held: "it had the bytes already",
};
