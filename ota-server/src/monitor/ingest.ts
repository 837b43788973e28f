import { setTimeout as pause } from "node:timers/promises";
import {
  decodeFrame,
  type GrowingSums,
  growingSums,
  growSums,
  refillSums,
  SchemaError,
  sumsOfFrame,
  type TelemetryFrame,
  type TelemetrySums,
} from "@mote/protocol";
import type { Clock } from "../clock.js";
import type { Events } from "../events.js";
import type { Store } from "../store/store.js";
import {
  addFrame,
  addManySums,
  healthOf,
  markFrame,
  shadowKey,
  type TelemetryKey,
} from "../store/telemetry.js";
import { FrameLog, type LoggedFrame } from "./frameLog.js";
import { MarkReader } from "./markReader.js";

/**
 * Frames that arrive within one bucket are one row: some ten windows of a device, so that a fleet of a million writes a
 * row in ten minutes and a gate reads some hundred of a device's week. History is rolled up into wider ones.
 */
export function bucketWidthMs(windowMs: number): number {
  return windowMs < 10_000 ? 1000 : windowMs < 60_000 ? 60_000 : 600_000;
}
/** Devices whose sums go into the store in one transaction, so that a flush never holds up the doors for long. */
const FLUSH_DEVICES = 50;

/** Sums that are kept to be used again, some 600 bytes each. */
const MAX_SPARE = 10_000;

/** A gentle flush rests twice as long as each transaction takes, and no longer than this. */
const MAX_PAUSE_MS = 50;

const SETTLED = Promise.resolve();

/** Who sends: a device that enrols anew under its old name counts its frames from zero again. */
export interface Sender {
  readonly id: string;
  readonly enrolledAtMs: number;
}

interface PendingSums {
  readonly key: TelemetryKey;
  readonly sums: GrowingSums;
}

/** What a device has sent and the store does not hold yet. */
interface Pending {
  readonly enrolledAtMs: number;
  lastFrame: number;
  /** By release and bucket: seldom more than one or two. */
  readonly sums: PendingSums[];
}

interface Counted {
  readonly enrolledAtMs: number;
  /** Highest frame that was taken in, durable or about to be. */
  lastFrame: number;
  /** Settles when that frame is durable or has failed. */
  settled: Promise<void>;
}

/**
 * Takes telemetry in: a frame is acknowledged when it is in the log and the log on the disk; what the frames add up to
 * goes into the store a moment later, by `flush`. After a crash `open` makes up for what was not flushed. Each device's
 * highest frame is stored in the transaction of its sums, so nothing is counted twice.
 */
export class Ingest {
  private pending = new Map<string, Pending>();
  private readonly counted = new Map<string, Counted>();
  /** Of devices that were flushed: used again, so that each flush of a large fleet does not leave its own size to collect. */
  private readonly spare: GrowingSums[] = [];
  private readonly marks: MarkReader;
  private flushing: Promise<void> = Promise.resolve();
  /** Flushes that somebody waits for. */
  private hurried = 0;

  private constructor(
    private readonly store: Store,
    private readonly events: Events,
    private readonly clock: Clock,
    private readonly log: FrameLog | null,
  ) {
    this.marks = new MarkReader(store);
  }

  /** Into a store that other servers share: each frame goes there at once, and is where every server finds it. */
  static direct(store: Store, events: Events, clock: Clock): Ingest {
    return new Ingest(store, events, clock, null);
  }

  /** With a log in `folder`. @throws StoreError */
  static async open(store: Store, events: Events, clock: Clock, folder: string): Promise<Ingest> {
    const log = await FrameLog.open(folder);
    const ingest = new Ingest(store, events, clock, log);
    await ingest.catchUp(log);
    return ingest;
  }

  /**
   * Resolves when the frame is durable.
   *
   * @returns false for a repetition, which is not counted again.
   * @throws SchemaError when the payload is no frame, StoreError when it could not be kept.
   */
  async add(sender: Sender, payload: Uint8Array): Promise<boolean> {
    const frame = decodeFrame(payload);
    const arrivedAtMs = this.clock();
    const isNew = await (this.log === null
      ? this.addDirectly(sender, frame, arrivedAtMs)
      : this.addToLog(this.log, sender, frame, arrivedAtMs, payload));
    if (isNew) this.events.emit({ type: "telemetry", atMs: arrivedAtMs, deviceId: sender.id });
    return isNew;
  }

  /** Resolves when all frames are durable; what is no frame is dropped and counted, or it would come for ever. */
  async addAll(
    sender: Sender,
    payloads: readonly Uint8Array[],
  ): Promise<{ readonly stored: number; readonly dropped: number }> {
    const results = await Promise.allSettled(payloads.map((payload) => this.add(sender, payload)));
    let dropped = 0;
    for (const result of results) {
      if (result.status === "fulfilled") continue;
      if (!(result.reason instanceof SchemaError)) throw result.reason;
      dropped++;
    }
    return { stored: results.length - dropped, dropped };
  }

  private addDirectly(sender: Sender, frame: TelemetryFrame, arrivedAtMs: number): Promise<boolean> {
    const key = keyOf(sender.id, frame, arrivedAtMs);
    return this.store.write((db) =>
      addFrame(db, key, sender.enrolledAtMs, frame.sequence, sumsOfFrame(frame)),
    );
  }

  private async addToLog(
    log: FrameLog,
    sender: Sender,
    frame: TelemetryFrame,
    arrivedAtMs: number,
    payload: Uint8Array,
  ): Promise<boolean> {
    const counted = this.counted.get(sender.id);
    const known = counted?.enrolledAtMs === sender.enrolledAtMs ? counted : await this.recall(sender);
    if (frame.sequence <= known.lastFrame) {
      // Its first copy may still be on its way to the disk.
      await known.settled;
      return false;
    }
    const before = known.lastFrame;
    known.lastFrame = frame.sequence;
    const logged: LoggedFrame = {
      deviceId: sender.id,
      enrolledAtMs: sender.enrolledAtMs,
      arrivedAtMs,
      payload,
    };
    const durable = new Promise<void>((resolve, reject) => {
      log.append(
        logged,
        () => {
          this.count(logged, frame);
          // Kept until the device's next frame, it would grow old; one that has settled already says the same.
          if (known.settled === durable) known.settled = SETTLED;
          resolve();
        },
        (error) => {
          known.lastFrame = Math.min(known.lastFrame, before);
          reject(error);
        },
      );
    });
    known.settled = durable;
    await durable;
    return true;
  }

  /**
   * Brings what has been taken in into the store. One at a time; what comes in meanwhile waits for the next.
   *
   * @param isGentle pauses between devices, so that frames are taken in as ever; until somebody is in a hurry.
   */
  async flush(isGentle = false): Promise<void> {
    const hurry = isGentle ? 0 : 1;
    this.hurried += hurry;
    const result = this.flushing.then(() => this.flushOnce());
    this.flushing = result.catch(() => undefined);
    try {
      await result;
    } finally {
      this.hurried -= hurry;
    }
  }

  async close(): Promise<void> {
    await this.flush();
    await this.log?.close();
  }

  private async flushOnce(): Promise<void> {
    const { log } = this;
    if (log === null || this.pending.size === 0) return;
    let taken = new Map<string, Pending>();
    const ended = await log.rotate(() => {
      taken = this.pending;
      this.pending = new Map();
    });
    const left = new Map(taken);
    try {
      const devices = [...taken];
      for (let at = 0; at < devices.length; at += FLUSH_DEVICES) {
        const group = devices.slice(at, at + FLUSH_DEVICES);
        const startMs = performance.now();
        await this.store.write(async (db) => {
          for (const [id, { enrolledAtMs, lastFrame, sums }] of group) {
            await markFrame(db, id, enrolledAtMs, lastFrame, totalOf(sums));
          }
          const all = group.flatMap(([, { sums }]) => sums);
          await addManySums(db, all);
        });
        for (const [id, { sums }] of group) {
          left.delete(id);
          for (const one of sums) this.release(one);
        }
        const tookMs = performance.now() - startMs;
        if (this.hurried === 0 && left.size > 0) await pause(Math.min(MAX_PAUSE_MS, 2 * tookMs));
      }
    } catch (error) {
      // The log still holds them; the next flush tries again.
      for (const [id, pending] of left) this.putBack(id, pending);
      throw error;
    }
    await log.drop(ended);
  }

  /** Frames that were acknowledged before a crash and had not reached the store. */
  private async catchUp(log: FrameLog): Promise<void> {
    for await (const logged of log.past()) {
      const sender = { id: logged.deviceId, enrolledAtMs: logged.enrolledAtMs };
      const counted = this.counted.get(sender.id);
      const known = counted?.enrolledAtMs === sender.enrolledAtMs ? counted : await this.recall(sender);
      const frame = frameIn(logged);
      if (frame === null || frame.sequence <= known.lastFrame) continue;
      known.lastFrame = frame.sequence;
      this.count(logged, frame);
    }
    await this.flush();
    // Segments of which every frame was in the store already.
    await log.drop(await log.rotate(() => undefined));
  }

  private async recall({ id, enrolledAtMs }: Sender): Promise<Counted> {
    const mark = await this.marks.read(id);
    // Another message of the same device may have asked meanwhile.
    const raced = this.counted.get(id);
    if (raced?.enrolledAtMs === enrolledAtMs) return raced;
    const isSame = mark?.enrolledAtMs === enrolledAtMs;
    // A former self, or a device that is gone: nothing of it is counted any more.
    const lastFrame = isSame ? mark.frameSequence : Number.POSITIVE_INFINITY;
    const counted = { enrolledAtMs, lastFrame, settled: SETTLED };
    if (isSame) this.counted.set(id, counted);
    return counted;
  }

  private count({ deviceId, enrolledAtMs, arrivedAtMs }: LoggedFrame, frame: TelemetryFrame): void {
    const key = keyOf(deviceId, frame, arrivedAtMs);
    const held = this.pending.get(deviceId);
    if (held?.enrolledAtMs === enrolledAtMs) {
      held.lastFrame = Math.max(held.lastFrame, frame.sequence);
      this.addTo(held.sums, key, sumsOfFrame(frame));
      return;
    }
    const sums = [{ key, sums: this.take(sumsOfFrame(frame)) }];
    this.putBack(deviceId, { enrolledAtMs, lastFrame: frame.sequence, sums });
  }

  private putBack(id: string, more: Pending): void {
    const held = this.pending.get(id);
    if (held === undefined || held.enrolledAtMs < more.enrolledAtMs) {
      this.pending.set(id, more);
      return;
    }
    held.lastFrame = Math.max(held.lastFrame, more.lastFrame);
    for (const { key, sums } of more.sums) this.addTo(held.sums, key, sums);
  }

  private addTo(held: PendingSums[], key: TelemetryKey, more: TelemetrySums): void {
    const sum = held.find(
      (one) => one.key.bucketMs === key.bucketMs && one.key.releaseSequence === key.releaseSequence,
    );
    if (sum === undefined) held.push({ key, sums: this.take(more) });
    else growSums(sum.sums, more);
  }

  private take(sums: TelemetrySums): GrowingSums {
    const spare = this.spare.pop();
    if (spare === undefined) return growingSums(sums);
    refillSums(spare, sums);
    return spare;
  }

  /** Nobody else may hold on to these. */
  private release({ sums }: PendingSums): void {
    if (this.spare.length < MAX_SPARE) this.spare.push(sums);
  }
}

function totalOf(sums: Pending["sums"]): Pick<TelemetrySums, "windows" | "errors" | "inferences"> {
  const total = { windows: 0, errors: 0, inferences: 0 };
  for (const { key, sums: all } of sums) {
    const one = healthOf(key, all);
    total.windows += one.windows;
    total.errors += one.errors;
    total.inferences += one.inferences;
  }
  return total;
}

function keyOf(deviceId: string, frame: TelemetryFrame, arrivedAtMs: number): TelemetryKey {
  const widthMs = bucketWidthMs(frame.windowMs);
  const bucketMs = Math.floor(arrivedAtMs / widthMs) * widthMs;
  const { releaseSequence: release, shadow = null } = frame;
  return { deviceId, releaseSequence: shadow === null ? release : shadowKey(release), bucketMs };
}

/** null for what no version of this server would have acknowledged. */
function frameIn({ payload }: LoggedFrame): TelemetryFrame | null {
  try {
    return decodeFrame(payload);
  } catch (error) {
    if (error instanceof SchemaError) return null;
    throw error;
  }
}
