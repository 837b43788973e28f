import { checkSchema, encodeFrame } from "@mote/protocol";
import { type Static, Type } from "@sinclair/typebox";
import type { FrameContent } from "./window.js";

/**
 * Frames that the server has not acknowledged. Bounded: a device that is offline for months must not fill its disk, so
 * the oldest frame goes first and is counted. Frames are kept encoded, as base64 text of about 150 characters.
 */
export const TelemetryOutbox = Type.Object(
  {
    nextSequence: Type.Integer({ minimum: 1 }),
    dropped: Type.Integer({ minimum: 0 }),
    frames: Type.Array(Type.Object({ sequence: Type.Integer(), base64: Type.String() })),
  },
  { additionalProperties: false },
);
export type TelemetryOutbox = Static<typeof TelemetryOutbox>;

export const EMPTY_OUTBOX: TelemetryOutbox = { nextSequence: 1, dropped: 0, frames: [] };

/** @throws SchemaError */
export function telemetryOutboxFromJson(document: unknown): TelemetryOutbox {
  return checkSchema(TelemetryOutbox, document, "the telemetry queue");
}

export function withFrame(
  outbox: TelemetryOutbox,
  content: FrameContent,
  maxFrames: number,
): TelemetryOutbox {
  const sequence = outbox.nextSequence;
  const frame = { sequence, base64: toBase64(encodeFrame({ ...content, sequence })) };
  const frames = [...outbox.frames, frame];
  const excess = Math.max(0, frames.length - maxFrames);
  return { nextSequence: sequence + 1, dropped: outbox.dropped + excess, frames: frames.slice(excess) };
}

/** Forgets frames that the server has acknowledged. */
export function withoutFrames(outbox: TelemetryOutbox, sent: ReadonlySet<number>): TelemetryOutbox {
  return { ...outbox, frames: outbox.frames.filter((frame) => !sent.has(frame.sequence)) };
}

export function framePayload(frame: { readonly base64: string }): Uint8Array {
  return Uint8Array.from(atob(frame.base64), (char) => char.charCodeAt(0));
}

function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}
