import { CODECS, type Offer, type PollAnswer, type PollRequest, type Variant } from "@mote/protocol";
import type { Clock } from "../clock.js";
import type { Delivery } from "../delivery/delivery.js";
import type { Events } from "../events.js";
import type { Log } from "../log.js";
import type { RolloutEngine } from "../rollout/engine.js";
import { preconditionsOf } from "../rollout/limits.js";
import { type DeviceRecord, type DeviceState, updateDeviceState } from "../store/devices.js";
import { findReleaseBySequence } from "../store/releases.js";
import type { Store } from "../store/store.js";
import type { TrustRepository } from "../trust/repository.js";
import type { Pacing } from "./pacing.js";

export interface PollParts {
  readonly store: Store;
  readonly engine: RolloutEngine;
  readonly delivery: Delivery;
  readonly trust: TrustRepository;
  readonly events: Events;
  readonly clock: Clock;
  readonly log: Log;
  readonly pacing: Pacing;
}

/** Devices whose state is written in one transaction. */
const FLUSH_DEVICES = 500;

/** Answers "what should I run, and where do I get it?" */
export class Polls {
  private readonly parts: PollParts;
  /** Polls that brought no news: when the device was there, and its battery. Written behind, in groups. */
  private seen = new Map<string, DeviceState>();

  constructor(parts: PollParts) {
    this.parts = parts;
  }

  async answer(device: DeviceRecord, request: PollRequest): Promise<PollAnswer> {
    const now = await this.remember(device, request);
    const offer = await this.offerFor(now, request);
    return { offer, pollIntervalS: this.parts.pacing.intervalFor(device.id) };
  }

  private async remember(device: DeviceRecord, request: PollRequest): Promise<DeviceRecord> {
    const state = {
      lastSeenMs: this.parts.clock(),
      runningSequence: request.running.sequence,
      artifactSha256: request.running.artifactSha256,
      held: request.held,
      floor: request.floor,
      codecs: request.codecs,
      agentVersion: request.agentVersion,
      batteryPercent: request.batteryPercent,
      freeBytes: request.freeBytes,
      conditions: request.conditions ?? null,
    };
    if (isNews(device, state) || this.parts.engine.awaitsReturns(device.product)) {
      this.seen.delete(device.id);
      await this.parts.store.write(async (db) => {
        await updateDeviceState(db, device.id, state);
        await this.parts.engine.recordRunning(db, device.id, state.runningSequence);
      });
    } else {
      this.seen.set(device.id, state);
    }
    if (device.runningSequence !== state.runningSequence || device.lastSeenMs === null) {
      this.parts.events.emit({ type: "device", atMs: state.lastSeenMs, deviceId: device.id });
    }
    return { ...device, ...state };
  }

  /** Writes what polls without news have told. After a crash it is missing until the devices come again. */
  async flush(): Promise<void> {
    const taken = [...this.seen];
    this.seen = new Map();
    const writes: Promise<void>[] = [];
    // All are handed in now: news that comes while they are written stands behind them in the store's queue.
    for (let at = 0; at < taken.length; at += FLUSH_DEVICES) {
      const group = taken.slice(at, at + FLUSH_DEVICES);
      writes.push(
        this.parts.store.write(async (db) => {
          for (const [id, state] of group) await updateDeviceState(db, id, state);
        }),
      );
    }
    await Promise.all(writes);
  }

  private async offerFor(device: DeviceRecord, request: PollRequest): Promise<Offer | null> {
    const { store, engine, trust, delivery, log } = this.parts;
    const found = await store.read((db) => engine.desired(db, device));
    if (found === null) return null;
    const { desired, member } = found;
    const release = await store.read((db) => findReleaseBySequence(db, device.product, desired.sequence));
    if (release === null || trust.signerOf(release) === null || release.sequence < device.floor) {
      // Devices would refuse it; an offer would only cost them battery.
      log.warn("not-offered", { device: device.id, product: device.product, sequence: desired.sequence });
      return null;
    }
    const variant = variantFor(release.manifest.variants, device.hardware);
    if (variant === null) return null;
    const codecs = CODECS.filter((codec) => request.codecs.includes(codec));
    const routes = await delivery.routes(variant.artifact, [...request.held], codecs);
    if (routes === null) return null;
    if (!(await engine.recordOffer(device, desired, member))) return null;
    return {
      id: `${desired.rollout.id}:${desired.kind}`,
      kind: desired.kind,
      name: release.product,
      version: release.version,
      sequence: release.sequence,
      target: release.target,
      routes,
      preconditions: preconditionsOf(desired),
    };
  }
}

/** Does the poll tell anything that answers and plans depend on? */
function isNews(held: DeviceRecord, told: DeviceState): boolean {
  return (
    held.lastSeenMs === null ||
    held.runningSequence !== told.runningSequence ||
    held.artifactSha256 !== told.artifactSha256 ||
    held.floor !== told.floor ||
    held.agentVersion !== told.agentVersion ||
    held.held.join() !== told.held.join() ||
    held.codecs.join() !== told.codecs.join()
  );
}

function variantFor(variants: readonly Variant[], hardware: string): Variant | null {
  return variants.find((variant) => variant.hardware.includes(hardware)) ?? null;
}
