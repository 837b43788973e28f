import { randomUUID } from "node:crypto";
import type { DdiFeedback, UpdateReport } from "@mote/protocol";
import type { Clock } from "../clock.js";
import { NotFoundError } from "../errors.js";
import type { DownloadRights } from "../fleet/downloadRights.js";
import type { Pacing } from "../fleet/pacing.js";
import type { Reports } from "../fleet/reports.js";
import type { Desired } from "../rollout/desired.js";
import type { RolloutEngine } from "../rollout/engine.js";
import { isLimited, limitReached, preconditionsOf } from "../rollout/limits.js";
import { unmetByServer } from "../rollout/waits.js";
import { setRunning } from "../store/devices.js";
import { findReleaseBySequence, type ReleaseRecord } from "../store/releases.js";
import { findMember, type Member } from "../store/rollouts.js";
import type { Store } from "../store/store.js";
import type { TrustRepository } from "../trust/repository.js";
import { actionOf, type DdiAddress, type DdiFile, fileFor, rolloutOfAction } from "./actions.js";
import type { DdiDevices, KnownDevice } from "./ddiDevices.js";
import { baseDocument, cancelDocument, deploymentDocument } from "./documents.js";
import { detailOf, outcomeOf } from "./feedback.js";
import type { FileHasher } from "./fileHashes.js";

export interface DdiParts {
  readonly store: Store;
  readonly engine: RolloutEngine;
  readonly trust: TrustRepository;
  readonly reports: Reports;
  readonly devices: DdiDevices;
  readonly hasher: FileHasher;
  readonly rights: DownloadRights;
  readonly pacing: Pacing;
  readonly clock: Clock;
}

/** What a device is to do, with all that its document needs. */
interface Pending {
  readonly action: number;
  readonly desired: Desired;
  readonly member: Member | null;
  readonly release: ReleaseRecord;
  readonly file: DdiFile;
}

/**
 * Rollouts as hawkBit's clients see them: what a device should run is a deployment, its feedback is an update report, and
 * what is withdrawn while it is under way is a cancellation. So gates, waves and rollbacks know no difference.
 */
export class DdiController {
  private readonly parts: DdiParts;

  constructor(parts: DdiParts) {
    this.parts = parts;
  }

  async base(address: DdiAddress, { device, ddi }: KnownDevice) {
    const { store, clock, pacing } = this.parts;
    await store.write((db) => setRunning(db, device.id, device.runningSequence, clock()));
    const pending = await this.pending({ device, ddi });
    // What the device was told of and should not do any more it must give up first.
    const isOver = ddi.openAction !== null && ddi.openAction !== pending?.action;
    return baseDocument(address, {
      pollIntervalS: pacing.intervalFor(device.id),
      deployment: isOver || pending === null ? null : pending.action,
      cancel: isOver ? ddi.openAction : null,
      installed: ddi.installedAction,
      wantsConfigData: ddi.attributes === null,
    });
  }

  /** Throws NotFoundError for an action that is not the device's, or no longer. */
  async deployment(address: DdiAddress, known: KnownDevice, action: number) {
    const pending = await this.pending(known);
    if (pending === null || pending.action !== action) throw unknownAction(action);
    const { desired, member, release, file } = pending;
    if (!(await this.parts.engine.membership.recordOffer(known.device, desired, member)))
      throw unknownAction(action);
    if (known.ddi.openAction !== action) {
      await this.parts.devices.remember({ ...known.ddi, openAction: action });
    }
    return this.document(address, action, release, file);
  }

  async installed(address: DdiAddress, { device, ddi }: KnownDevice, action: number) {
    const target = await this.targetOf(device.id, action);
    const release =
      target === null
        ? null
        : await this.parts.store.read((db) => findReleaseBySequence(db, device.product, target.sequence));
    const file = release === null ? null : fileFor(release, device.hardware);
    if (ddi.installedAction !== action || release === null || file === null) throw unknownAction(action);
    return this.document(address, action, release, file);
  }

  private async document(address: DdiAddress, action: number, release: ReleaseRecord, file: DdiFile) {
    const { hasher, rights } = this.parts;
    const hashes = await hasher.of(file.artifact);
    return deploymentDocument(address, action, release, file, hashes, rights.pass(file.artifact.sha256));
  }

  cancellation({ ddi }: KnownDevice, action: number) {
    if (ddi.openAction !== action) throw unknownAction(action);
    return cancelDocument(action);
  }

  /** A feedback that comes again after the action is over (its answer was lost) is taken and changes nothing. */
  async feedback({ device, ddi }: KnownDevice, action: number, feedback: DdiFeedback): Promise<void> {
    const target = await this.targetOf(device.id, action);
    if (target === null) throw unknownAction(action);
    const isOpen = ddi.openAction === action || target.member.state === "returning";
    if (!isOpen) return;
    const outcome = outcomeOf(feedback);
    const isInstalled = outcome.phase === "confirmed";
    const { clock, reports, devices } = this.parts;
    const report: UpdateReport = {
      id: randomUUID(),
      offerId: target.offerId,
      atMs: clock(),
      phase: outcome.phase,
      code: outcome.code,
      runningSequence: isInstalled ? target.sequence : device.runningSequence,
      targetSequence: target.sequence,
      artifactSha256: null,
      downloadedBytes: 0,
      codec: null,
      detail: detailOf(feedback),
    };
    await reports.add(device.id, [report]);
    if (!outcome.isOver) return;
    const installedAction = isInstalled ? action : ddi.installedAction;
    await devices.remember({ ...ddi, openAction: null, installedAction });
  }

  /** "closed" ends the action whatever its result: a client that could not cancel has finished it before. */
  async cancelFeedback(known: KnownDevice, action: number, { status }: DdiFeedback): Promise<void> {
    if (known.ddi.openAction !== action) return;
    if (status.execution !== "closed" && status.execution !== "canceled") return;
    await this.parts.devices.remember({ ...known.ddi, openAction: null });
  }

  private async mayBegin(desired: Desired, { device }: KnownDevice): Promise<boolean> {
    const { store, clock } = this.parts;
    if (unmetByServer(preconditionsOf(desired), device, clock()).length > 0) return false;
    const { rollout, kind } = desired;
    if (kind === "rollback" || !isLimited(rollout)) return true;
    return (await store.read((db) => limitReached(db, rollout, clock()))) === null;
  }

  private async pending(known: KnownDevice): Promise<Pending | null> {
    const { device, ddi } = known;
    const { store, engine, trust } = this.parts;
    const found = await store.read((db) => engine.membership.desired(db, device));
    if (found === null) return null;
    const { desired, member } = found;
    const action = actionOf(desired.rollout, desired.kind);
    const release = await store.read((db) => findReleaseBySequence(db, device.product, desired.sequence));
    if (release === null || trust.signerOf(release) === null || trust.isRetired(release)) return null;
    const file = fileFor(release, device.hardware);
    if (file === null) return null;
    // These clients know no windows and no preconditions: the server holds back what it can judge itself. A device
    // that is under way is let finish.
    if (ddi.openAction !== action && !(await this.mayBegin(desired, known))) return null;
    return { action, desired, member, release, file };
  }

  /** What an action of this device was about; null when it never was told of it. */
  private async targetOf(
    deviceId: string,
    action: number,
  ): Promise<{ member: Member; sequence: number; offerId: string } | null> {
    const { number, kind } = rolloutOfAction(action);
    const rollout = this.parts.engine.list().find((state) => state.number === number);
    if (rollout === undefined) return null;
    const member = await this.parts.store.read((db) => findMember(db, rollout.id, deviceId));
    if (member === null) return null;
    const sequence = kind === "rollback" ? member.previousSequence : rollout.sequence;
    return { member, sequence, offerId: `${rollout.id}:${kind}` };
  }
}

function unknownAction(action: number): NotFoundError {
  return new NotFoundError({
    expected: "an action of this device that is under way",
    got: String(action),
    todo: "Poll the base resource again: the rollout may have been aborted.",
  });
}
