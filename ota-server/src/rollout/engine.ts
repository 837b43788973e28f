import { randomBytes } from "node:crypto";
import type { DryRunAnswer, RolloutPlan } from "@mote/protocol";
import type { Clock } from "../clock.js";
import { ConflictError, NotFoundError } from "../errors.js";
import type { Events } from "../events.js";
import type { Log } from "../log.js";
import type { DeviceRecord } from "../store/devices.js";
import type { ReleaseRecord } from "../store/releases.js";
import {
  listChangedRollouts,
  listRollouts,
  type Member,
  type MemberCounts,
  putRollout,
  returnMembers,
  sampleMembers,
  summarizeMembers,
} from "../store/rollouts.js";
import type { Db, Store } from "../store/store.js";
import { rolloutNotices } from "../webhooks/notices.js";
import { tell } from "../webhooks/outbox.js";
import { isStagingWave } from "./blueGreen.js";
import {
  Baselines,
  collectEvidence,
  EVIDENCE_LIMITS,
  isLookDue,
  middleWindows,
  withoutComparison,
} from "./evidence.js";
import type { Evidence } from "./gates/telemetryGate.js";
import {
  type Effect,
  pendingEffects,
  type RolloutEvent,
  type Step,
  start,
  step,
  type WaveFacts,
} from "./machine.js";
import { Membership } from "./membership.js";
import { lacksControls, openWave } from "./opening.js";
import { checkPlan, dryRun, newRollout, releaseOf, sampleCandidates } from "./plan.js";
import type { Opening } from "./population.js";
import { areDisjoint } from "./query.js";
import { type ProductRollouts, RolloutList } from "./rolloutList.js";
import { checkRunning, resolveRunning } from "./running.js";
import { blocksOthers, isActive, type RolloutState, rolloutFromJson } from "./state.js";

export interface EngineParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly events: Events;
  /** Throws when no signed metadata lets devices accept this release (unsigned, or below the floor). */
  readonly checkSigned: (release: ReleaseRecord) => Promise<void>;
  /** Tells connected devices of a product to poll now. */
  readonly hint: (product: string) => void;
}

/** The rollouts' shell: stores what the machine decides, then carries out its effects. One at a time. */
export class RolloutEngine {
  private readonly parts: EngineParts;
  /** By id; the store's documents, parsed. */
  private readonly rollouts = new RolloutList();
  /** What single devices should run, and what is remembered of them. */
  readonly membership: Membership;
  private queue: Promise<unknown> = Promise.resolve();
  private isResumed = false;
  private readonly baselines = new Baselines();

  constructor(parts: EngineParts) {
    this.parts = parts;
    this.membership = new Membership(parts, this.rollouts);
    parts.store.peers.hear(({ type }) => {
      if (type !== "rollouts") return;
      // What another server has decided holds for the next poll; the tick makes up for a failure.
      this.inTurn(() => this.refresh()).catch((error: unknown) => parts.log.error("rollouts", error));
    });
  }

  /** Reads what is stored. */
  async load(): Promise<void> {
    for (const record of await this.parts.store.read(listRollouts)) {
      this.rollouts.set(rolloutFromJson(record.state));
    }
  }

  /** Takes over what another server has decided; for a server that doesn't lead. */
  async follow(): Promise<void> {
    this.isResumed = false;
    await this.inTurn(() => this.refresh());
  }

  /** Newest first. */
  list(): RolloutState[] {
    return this.rollouts.all();
  }

  /** Throws NotFoundError. */
  get(id: string): RolloutState {
    const state = this.rollouts.get(id);
    if (state === undefined) {
      throw new NotFoundError({
        expected: "the id of a rollout",
        got: JSON.stringify(id.slice(0, 64)),
        todo: "`mote rollout list` shows them.",
      });
    }
    return state;
  }

  async dryRun(plan: RolloutPlan): Promise<DryRunAnswer> {
    checkPlan(plan);
    const release = await this.release(plan);
    return this.parts.store.read((db) => dryRun(db, plan, release, this.parts.clock()));
  }

  /** What a rehearsal models its fleet on. */
  async sample(
    plan: RolloutPlan,
    limit: number,
  ): Promise<{ eligible: number; devices: readonly DeviceRecord[] }> {
    checkPlan(plan);
    const release = await this.release(plan);
    return this.parts.store.read((db) => sampleCandidates(db, plan, release, this.parts.clock(), limit));
  }

  async create(plan: RolloutPlan): Promise<RolloutState> {
    checkPlan(plan);
    const release = await this.release(plan);
    await this.parts.checkSigned(release);
    const running = await this.parts.store.read((db) => resolveRunning(db, plan));
    checkRunning(running, plan.product);
    return this.exclusive(async () => {
      this.checkAlone(plan);
      const number = 1 + Math.max(0, ...this.list().map((state) => state.number));
      const id = `r${number}-${randomBytes(3).toString("hex")}`;
      const nowMs = this.parts.clock();
      return this.take(start(newRollout(id, number, plan, release, nowMs, running.sequences), nowMs));
    });
  }

  /** Two rollouts may run side by side where no device can ever be in both. */
  private checkAlone(plan: RolloutPlan): void {
    const other = this.list().find(
      (state) =>
        state.plan.product === plan.product &&
        blocksOthers(state) &&
        !areDisjoint(state.plan.query, plan.query),
    );
    if (other === undefined) return;
    throw new ConflictError({
      expected: `no other rollout of ${plan.product} under way that could reach the same devices`,
      got: `${other.id} of ${other.plan.version}, which is ${other.name}`,
      todo: "Wait for it, abort it, or let both ask for different hardware, or for different values of one tag.",
    });
  }

  /** A person's action. Throws NotFoundError, ConflictError. */
  act(id: string, event: RolloutEvent): Promise<RolloutState> {
    return this.exclusive(() => this.send(id, event));
  }

  /** Counts, judges and moves every rollout that is under way. */
  async tick(): Promise<void> {
    if (this.parts.store.peers.isShared) await this.inTurn(() => this.refresh());
    await this.resume();
    for (const { id } of this.list().filter(isActive)) {
      await this.exclusive(async () => {
        const state = this.get(id);
        if (!isActive(state)) return;
        const facts = await this.parts.store.read((db) => this.observe(db, state));
        await this.send(id, { type: "observed", facts });
      });
    }
  }

  /** Rollouts that may speak for a device of the product. */
  of(product: string): ProductRollouts {
    return this.rollouts.of(product);
  }

  /** Takes up what a crash, of this server or of the leader before it, has interrupted. */
  private async resume(): Promise<void> {
    if (this.isResumed) return;
    await this.exclusive(async () => {
      for (const { id } of this.list()) {
        await this.carryOut(id, pendingEffects(this.get(id)));
        if (await lacksControls(this.parts.store, this.get(id))) await this.openWave(this.get(id));
      }
    });
    this.isResumed = true;
  }

  /** Alone among all servers of the store, on what is stored now. */
  private exclusive<T>(work: () => Promise<T>): Promise<T> {
    const { peers } = this.parts.store;
    return this.inTurn(() =>
      peers.exclusively("rollouts", async () => {
        if (peers.isShared) await this.refresh();
        return work();
      }),
    );
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.queue.then(work);
    this.queue = result.catch(() => undefined);
    return result;
  }

  private async refresh(): Promise<void> {
    const known = new Map(this.rollouts.all().map(({ id, updatedAtMs }) => [id, updatedAtMs]));
    for (const record of await this.parts.store.read((db) => listChangedRollouts(db, known))) {
      this.rollouts.set(rolloutFromJson(record.state));
    }
  }

  private async send(id: string, event: RolloutEvent): Promise<RolloutState> {
    const before = this.get(id);
    const result = step(before, event, this.parts.clock());
    return result.state === before ? before : this.take(result);
  }

  /** Stores first, then carries out. */
  private async take({ state, effects }: Step): Promise<RolloutState> {
    const before = this.rollouts.get(state.id);
    if (before === undefined || JSON.stringify(before) !== JSON.stringify(state)) {
      const notices = rolloutNotices(before ?? null, state, this.parts.clock());
      await this.parts.store.write(async (db) => {
        await putRollout(db, {
          id: state.id,
          product: state.plan.product,
          sequence: state.sequence,
          number: state.number,
          active: isActive(state),
          state: JSON.stringify(state),
          createdAtMs: state.createdAtMs,
          updatedAtMs: state.updatedAtMs,
        });
        await tell(db, notices);
      });
      this.rollouts.set(state);
      this.parts.events.emit({
        type: "rollout",
        atMs: this.parts.clock(),
        rolloutId: state.id,
        text: state.reason,
      });
      if (before?.name !== state.name || before.reason !== state.reason) {
        this.parts.log.info("rollout", { rollout: state.id, state: state.name, reason: state.reason });
      }
    }
    await this.carryOut(state.id, effects);
    return this.get(state.id);
  }

  private async carryOut(id: string, effects: readonly Effect[]): Promise<void> {
    for (const effect of effects) {
      const state = this.get(id);
      switch (effect.type) {
        case "openWave": {
          const { threshold, members, control, unable } = await this.openWave(state);
          await this.send(id, { type: "waveOpened", threshold, members, control, unable });
          break;
        }
        case "returnMembers":
          await this.returnMembers(state);
          break;
        case "hint":
          this.parts.hint(state.plan.product);
          break;
      }
    }
  }

  private async openWave(state: RolloutState): Promise<Opening> {
    const release = await this.release(state.plan);
    return openWave(this.parts.store, state, release, this.parts.clock());
  }

  /** Idempotent. A device that had no release before has nothing to go back to and keeps what it runs. */
  private async returnMembers(state: RolloutState): Promise<void> {
    const fromWave = state.rollbackScope === "fleet" ? 0 : state.currentWave;
    await this.parts.store.write((db) => returnMembers(db, state.id, fromWave));
  }

  private async observe(db: Db, state: RolloutState): Promise<WaveFacts> {
    const nowMs = this.parts.clock();
    const members = await summarizeMembers(db, state.id, nowMs - 1000 * state.plan.gates.installTimeoutS);
    const sample = await sampleMembers(db, state.id, EVIDENCE_LIMITS.maxDevices);
    const windows = await middleWindows(db, state, sample, nowMs);
    return {
      installs: {
        members: Math.max(state.waves[state.currentWave]!.members, members.all),
        offered: members.all,
        confirmed: isStagingWave(state.plan, state.currentWave)
          ? members.staged + members.confirmed
          : members.confirmed,
        // One that will be tried again has not failed yet; one that stays away when it is due counts as late.
        failed: members.failed,
        timedOut: members.late,
      },
      windows,
      evidence: await this.evidence(db, state, members, sample, windows, nowMs),
      returning: members.returning,
    };
  }

  private async evidence(
    db: Db,
    state: RolloutState,
    members: MemberCounts,
    sample: readonly Member[],
    windows: number,
    nowMs: number,
  ): Promise<Evidence[]> {
    if (state.name !== "running" || isStagingWave(state.plan, state.currentWave)) return [];
    const reason = withoutComparison(state, members);
    if (reason !== null) {
      return state.plan.gates.telemetry.map(({ metric }) => ({
        metric,
        wave: [],
        control: [],
        notApplicable: reason,
      }));
    }
    return isLookDue(state, windows) ? collectEvidence(db, state, sample, nowMs, this.baselines) : [];
  }

  private release(plan: RolloutPlan): Promise<ReleaseRecord> {
    return this.parts.store.read((db) => releaseOf(db, plan));
  }
}
