import { decodeFrame, sumsOfFrame } from "@mote/protocol";
import type { Clock } from "../clock.js";
import type { Events } from "../events.js";
import type { Store } from "../store/store.js";
import { addFrame } from "../store/telemetry.js";

/** Frames that arrive within one bucket are one row; history is rolled up into wider ones. */
export const BUCKET_MS = 1000;

/** Takes telemetry in. */
export class Ingest {
  private readonly store: Store;
  private readonly events: Events;
  private readonly clock: Clock;

  constructor(store: Store, events: Events, clock: Clock) {
    this.store = store;
    this.events = events;
    this.clock = clock;
  }

  /**
   * Resolves when the frame is durable; a repetition is durable already.
   *
   * @returns false for a repetition, which is not counted again.
   * @throws SchemaError when the payload is no frame.
   */
  async add(deviceId: string, payload: Uint8Array): Promise<boolean> {
    const frame = decodeFrame(payload);
    const atMs = this.clock();
    const key = {
      deviceId,
      releaseSequence: frame.releaseSequence,
      bucketMs: Math.floor(atMs / BUCKET_MS) * BUCKET_MS,
    };
    const isNew = await this.store.write((db) => addFrame(db, key, frame.sequence, sumsOfFrame(frame)));
    if (isNew) this.events.emit({ type: "telemetry", atMs, deviceId });
    return isNew;
  }
}
