import { CODECS, type Offer, type PollAnswer, type PollRequest, type Variant } from "@mote/protocol";
import type { Clock } from "../clock.js";
import type { Delivery } from "../delivery/delivery.js";
import type { Events } from "../events.js";
import type { Log } from "../log.js";
import { isBlueGreenPlan } from "../rollout/blueGreen.js";
import type { RolloutEngine } from "../rollout/engine.js";
import { preconditionsOf } from "../rollout/limits.js";
import { shadowShareOf } from "../rollout/shadow.js";
import {
  type DeviceRecord,
  type DeviceSighting,
  type DeviceState,
  putSighting,
  updateDeviceState,
} from "../store/devices.js";
import { findReleaseBySequence } from "../store/releases.js";
import type { Member } from "../store/rollouts.js";
import type { Store } from "../store/store.js";
import type { TrustRepository } from "../trust/repository.js";
import type { DeviceCache, KnownDevice } from "./deviceCache.js";
import type { Pacing } from "./pacing.js";

export interface PollParts {
  readonly store: Store;
  readonly devices: DeviceCache;
  readonly engine: RolloutEngine;
  readonly delivery: Delivery;
  readonly trust: TrustRepository;
  readonly events: Events;
  readonly clock: Clock;
  readonly log: Log;
  readonly pacing: Pacing;
}

type Sighting = { -readonly [Name in keyof DeviceSighting]: DeviceSighting[Name] };

/** Devices whose state is written in one transaction, so that a flush never holds up the doors for long. */
const FLUSH_DEVICES = 50;

/** Answers "what should I run, and where do I get it?" */
export class Polls {
  private readonly parts: PollParts;
  /** Polls that brought no news: when the device was there, and its battery. Written behind, in groups. */
  private readonly seen = new Map<string, Sighting>();

  constructor(parts: PollParts) {
    this.parts = parts;
  }

  /** The answer as JSON where the device tells nothing new, gets nothing new and memory knows it; otherwise null. */
  quickAnswer(known: KnownDevice, request: PollRequest): string | null {
    const { engine, pacing } = this.parts;
    const { device, members, asked } = known;
    const { ids, isReturning } = engine.of(device.product);
    if (asked !== ids || isReturning || isNews(device, request)) return null;
    // No news: the device is as it is held.
    if (engine.membership.desiredBy(device, (id) => members.get(id) ?? null) !== null) return null;
    this.see(device.id, request);
    return `{"offer":null,"pollIntervalS":${pacing.intervalFor(device.id)}}`;
  }

  async answer(known: KnownDevice, request: PollRequest): Promise<PollAnswer> {
    const { devices, engine, pacing } = this.parts;
    const { id, product } = known.device;
    const isWritten = await this.remember(known.device, request);
    const current = isWritten ? ((await devices.find(id)) ?? known) : known;
    const { device, members } = await devices.withMembers(current, engine.of(product).ids);
    const now = { ...device, ...stateOf(request, this.parts.clock()) };
    const offer = await this.offerFor(now, (rolloutId) => members.get(rolloutId) ?? null, request);
    return { offer, pollIntervalS: pacing.intervalFor(id) };
  }

  /** @returns whether it was news, and is in the store. */
  private async remember(device: DeviceRecord, request: PollRequest): Promise<boolean> {
    const { engine, store, events, clock } = this.parts;
    if (!isNews(device, request) && !engine.of(device.product).isReturning) {
      this.see(device.id, request);
      return false;
    }
    const state = stateOf(request, clock());
    this.seen.delete(device.id);
    await store.write(async (db) => {
      await updateDeviceState(db, device.id, state);
      await engine.membership.recordRunning(db, device.id, state.runningSequence);
    });
    const isFirst = device.agentVersion === "";
    if (device.runningSequence !== state.runningSequence || isFirst) {
      events.emit({ type: "device", atMs: state.lastSeenMs, deviceId: device.id });
    }
    return true;
  }

  private see(id: string, { batteryPercent, freeBytes, conditions }: PollRequest): void {
    const lastSeenMs = this.parts.clock();
    const held = this.seen.get(id);
    if (held === undefined) {
      this.seen.set(id, { id, lastSeenMs, batteryPercent, freeBytes, conditions: conditions ?? null });
      return;
    }
    // In place: one for each poll would outlive the young generation, and be waste in the old one.
    held.lastSeenMs = lastSeenMs;
    held.batteryPercent = batteryPercent;
    held.freeBytes = freeBytes;
    held.conditions = conditions ?? null;
  }

  /** Writes what polls without news have told. After a crash it is missing until the devices come again. */
  async flush(): Promise<void> {
    for (let left = this.seen.size; left > 0; left -= FLUSH_DEVICES) {
      // Taken as it is handed in: news before that has put it out, and news after stands behind it in the store's queue.
      const group = this.takeSeen(Math.min(left, FLUSH_DEVICES));
      await this.parts.store.write(async (db) => {
        for (const seen of group) await putSighting(db, seen);
      });
    }
  }

  private takeSeen(count: number): DeviceSighting[] {
    const group: DeviceSighting[] = [];
    for (const [id, seen] of this.seen) {
      if (group.length === count) break;
      group.push(seen);
      this.seen.delete(id);
    }
    return group;
  }

  private async offerFor(
    device: DeviceRecord,
    memberOf: (rolloutId: string) => Member | null,
    request: PollRequest,
  ): Promise<Offer | null> {
    const { store, engine, trust, delivery, log } = this.parts;
    const desired = engine.membership.desiredBy(device, memberOf);
    if (desired === null) return null;
    const release = await store.read((db) => findReleaseBySequence(db, device.product, desired.sequence));
    if (release === null || trust.signerOf(release) === null || release.sequence < device.floor) {
      // Devices would refuse it; an offer would only cost them battery.
      log.warn("not-offered", { device: device.id, product: device.product, sequence: desired.sequence });
      return null;
    }
    const variant = variantFor(release.manifest.variants, device.hardware);
    if (variant === null) return null;
    const isShadow = desired.kind === "shadow";
    const isBlueGreen = isBlueGreenPlan(desired.rollout.plan) && desired.kind === "update";
    // A microcontroller has no room for two: the dry run has said so of its hardware.
    if ((isShadow || isBlueGreen) && variant.runtime === "mote-c") return null;
    const codecs = CODECS.filter((codec) => request.codecs.includes(codec));
    const routes = await delivery.routes(variant.artifact, [...request.held], codecs);
    if (routes === null) return null;
    if (!(await engine.membership.recordOffer(device, desired, memberOf(desired.rollout.id)))) return null;
    return {
      id: `${desired.rollout.id}:${desired.kind}`,
      kind: desired.kind,
      name: release.product,
      version: release.version,
      sequence: release.sequence,
      target: release.target,
      routes,
      preconditions: preconditionsOf(desired),
      ...(desired.isHeld ? { activate: "hold" as const } : {}),
      ...(isShadow ? { shadowShare: shadowShareOf(desired.rollout.plan) } : {}),
    };
  }
}

function stateOf(request: PollRequest, atMs: number) {
  return {
    lastSeenMs: atMs,
    runningSequence: request.running.sequence,
    artifactSha256: request.running.artifactSha256,
    held: request.held,
    floor: request.floor,
    codecs: request.codecs,
    agentVersion: request.agentVersion,
    batteryPercent: request.batteryPercent,
    freeBytes: request.freeBytes,
    conditions: request.conditions ?? null,
    // Agents from before there was either say nothing of it.
    canShadow: request.canShadow ?? false,
    canHold: request.canHold ?? false,
  } satisfies DeviceState;
}

/** Does the poll tell anything that answers and plans depend on? */
function isNews(held: DeviceRecord, told: PollRequest): boolean {
  return (
    held.runningSequence !== told.running.sequence ||
    held.artifactSha256 !== told.running.artifactSha256 ||
    held.floor !== told.floor ||
    held.agentVersion !== told.agentVersion ||
    held.canShadow !== (told.canShadow ?? false) ||
    held.canHold !== (told.canHold ?? false) ||
    !isSame(held.held, told.held) ||
    !isSame(held.codecs, told.codecs)
  );
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((name, i) => name === other[i]);
}

function variantFor(variants: readonly Variant[], hardware: string): Variant | null {
  return variants.find((variant) => variant.hardware.includes(hardware)) ?? null;
}
