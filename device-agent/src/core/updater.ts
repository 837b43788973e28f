import {
  type ReportCode,
  transition,
  type UpdateEvent,
  type UpdateReport,
  type UpdateState,
} from "@mote/protocol";
import { backoffMs } from "./backoff.js";
import { type EffectDeps, type Outcome, perform } from "./effects.js";
import type { Probation } from "./probation.js";
import { messageOf } from "./report-code.js";
import { withoutReports, withReport } from "./report-queue.js";
import { confirmedSlot, neededBlobs, withSpare } from "./slots.js";
import { type AgentState, QUIET, type UpdateOffer } from "./state.js";

/**
 * Drives the update machine: performs the effect of the state it is in, sends the result as an event through the table,
 * persists the state that follows together with its report, and only then performs that one's effect. Killed at any
 * moment, it performs the last persisted state's effect again.
 */
export class Updater {
  #state: AgentState;
  #writing: Promise<unknown> = Promise.resolve();
  /** The server's last word: an offer, none, or (undefined) nothing heard since the last update ended. */
  #wanted: UpdateOffer | null | undefined;
  #cut: AbortController | null = null;
  #faults = 0;
  readonly #failures = new Map<string, { count: number; notBeforeMs: number }>();

  /** Watches the release on probation; null otherwise. The inference loop feeds it. */
  probation: Probation | null = null;

  /** Called when reports wait to be sent. */
  onReports: () => void = () => {};

  constructor(
    state: AgentState,
    private readonly deps: EffectDeps,
    /** Makes report ids unique beyond this state file. */
    private readonly reportPrefix: string,
  ) {
    this.#state = state;
  }

  get state(): AgentState {
    return this.#state;
  }

  /** Takes the answer of a poll. */
  offered(offer: UpdateOffer | null): void {
    this.#wanted = offer;
    if (this.#externalEvent() !== null) this.#cut?.abort();
  }

  /** Forgets reports that the server has stored. */
  async acknowledge(ids: ReadonlySet<string>): Promise<void> {
    if (ids.size > 0) await this.#commit((state) => withoutReports(state, ids));
  }

  /** Runs until `signal` is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    let isRecovered = false;
    while (!signal.aborted) {
      try {
        if (!isRecovered) {
          await this.#restart();
          await this.#prune();
          isRecovered = true;
        }
        await this.#turn(signal);
        this.#faults = 0;
      } catch (error) {
        // The state could not be persisted (a full disk, say): nothing counts yet, so the same is tried again.
        this.#faults++;
        this.deps.log({ event: "fault", message: messageOf(error) });
        const { retryFirstMs, retryMaxMs } = this.deps.settings;
        await this.deps.clock.sleep(
          backoffMs(this.#faults, retryFirstMs, retryMaxMs, this.deps.random),
          signal,
        );
      }
    }
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const external = this.#externalEvent();
    if (external === "reword") return this.note(this.#reworded());
    if (external !== null) {
      await this.#dispatch(external === "offer" ? this.#takeOffer() : this.#withdrawal());
      return;
    }
    const cut = new AbortController();
    const stop = () => cut.abort();
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) cut.abort();
    this.#cut = cut;
    try {
      const outcome = await perform(this, this.deps, cut.signal);
      // What was cut off half-way says nothing; it is done again, or the event that cut it comes first.
      if (outcome !== null && !cut.signal.aborted) await this.#dispatch(outcome);
    } finally {
      this.#cut = null;
      signal.removeEventListener("abort", stop);
    }
  }

  /** Writes a change that is no transition, such as the bytes counted so far. */
  async note(change: (state: AgentState) => AgentState, report?: ReportOf): Promise<void> {
    await this.#commit((state) => this.#reported(change(state), report));
  }

  /** What the server's last word means in the present state; null when nothing. */
  #externalEvent(): "offer" | "withdraw" | "reword" | null {
    const wanted = this.#wanted;
    if (wanted === undefined) return null;
    const { state, offer } = this.#state.update;
    switch (state) {
      case "idle":
        return wanted !== null && this.#isWelcome(wanted) ? "offer" : null;
      case "waiting":
      case "verifying":
      case "downloading":
      case "shadowing":
        return wanted === null || wanted.id !== offer?.id ? "withdraw" : null;
      case "staged":
        if (wanted === null || wanted.id !== offer?.id) return "withdraw";
        // The word to switch, or its being taken back while the device still waits for a good moment.
        return isHeld(wanted) === isHeld(offer) ? null : "reword";
      case "applying":
      case "trying":
      case "probation":
        // From here the server may see the new release running and offer nothing: that is no withdrawal.
        return wanted !== null && wanted.id !== offer?.id ? "withdraw" : null;
      case "confirming":
      case "reverting":
        return null;
    }
  }

  #isWelcome(offer: UpdateOffer): boolean {
    if (offer.sequence === confirmedSlot(this.#state)?.sequence) return false;
    const failure = this.#failures.get(offer.id);
    return failure === undefined || this.deps.clock.monotonicMs() >= failure.notBeforeMs;
  }

  #takeOffer(): Outcome {
    const offer = this.#wanted!;
    return { event: "offer", change: (state) => ({ ...state, update: { ...QUIET, offer } }) };
  }

  #reworded(): (state: AgentState) => AgentState {
    const offer = this.#wanted!;
    return (state) => ({ ...state, update: { ...state.update, offer } });
  }

  /** What was staged and is not wanted any more has never run, and goes. A shadow stays to be promoted. */
  #withdrawal(): Outcome {
    const withdrawn = { event: "withdraw", code: "withdrawn" } as const;
    if (this.#state.update.state !== "staged") return withdrawn;
    return { ...withdrawn, change: (state) => withSpare(state, null) };
  }

  async #restart(): Promise<void> {
    if (this.#state.update.state === "idle") return;
    this.deps.log({ event: "recovering", state: this.#state.update.state });
    await this.#dispatch({
      event: "restarted",
      change: (state) => ({ ...state, update: { ...state.update, restarts: state.update.restarts + 1 } }),
    });
  }

  async #dispatch(outcome: Outcome): Promise<void> {
    const before = this.#state.update;
    const { state: to } = transition(before.state, outcome.event);
    const report = reportOf(before.state, to, outcome);
    await this.#commit((state) => {
      const changed = outcome.change?.(state) ?? state;
      const moved = { ...changed, update: { ...changed.update, state: to } };
      const reported = this.#reported(moved, report);
      return to === "idle" ? { ...reported, update: QUIET } : reported;
    });
    this.deps.log({
      event: "state",
      state: to,
      from: before.state,
      by: outcome.event,
      offer: before.offer?.id ?? this.#state.update.offer?.id ?? null,
      target: before.offer?.version ?? this.#state.update.offer?.version ?? null,
      ...(report === undefined ? {} : { code: report.code }),
      ...(outcome.detail === undefined ? {} : { detail: outcome.detail }),
    });
    if (to === "idle") await this.#ended(before.offer, outcome.event);
  }

  async #ended(offer: UpdateOffer | null, event: UpdateEvent): Promise<void> {
    if (offer !== null) {
      if (event === "confirmed") this.#failures.clear();
      else if (event !== "withdraw") this.#noteFailure(offer.id);
      if (this.#wanted?.id === offer.id) this.#wanted = undefined;
    }
    await this.#prune();
  }

  /** A server that keeps offering what failed here is heard ever more seldom. */
  #noteFailure(offerId: string): void {
    const count = (this.#failures.get(offerId)?.count ?? 0) + 1;
    const { retryFirstMs, retryMaxMs } = this.deps.settings;
    const pauseMs = backoffMs(count, retryFirstMs, retryMaxMs, this.deps.random);
    this.#failures.set(offerId, { count, notBeforeMs: this.deps.clock.monotonicMs() + pauseMs });
  }

  async #prune(): Promise<void> {
    try {
      await this.deps.stores.blobs.keepOnly(neededBlobs(this.#state));
    } catch (error) {
      // Old files cost room, not correctness; the next update tries again.
      this.deps.log({ event: "fault", message: messageOf(error) });
    }
  }

  #reported(state: AgentState, report: ReportOf | undefined): AgentState {
    if (report === undefined) return state;
    const nowMs = this.deps.clock.wallMs() ?? 0;
    return withReport(state, report, this.reportPrefix, nowMs, this.deps.settings.maxReports);
  }

  /** One writer at a time, each upon the state that the one before left; in memory only what is on the disk. */
  #commit(change: (state: AgentState) => AgentState): Promise<void> {
    const write = this.#writing.then(async () => {
      const next = change(this.#state);
      await this.deps.stores.state.save(next);
      const isNew = (id: string) => !this.#state.reports.some((report) => report.id === id);
      const added = next.reports.filter((report) => isNew(report.id));
      this.#state = next;
      for (const report of added) {
        const { phase, code, targetSequence, downloadedBytes, codec, detail } = report;
        this.deps.log({ event: "report", phase, code, targetSequence, downloadedBytes, codec, detail });
      }
      if (added.length > 0) this.onReports();
    });
    this.#writing = write.catch(() => {});
    return write;
  }
}

interface ReportOf {
  readonly phase: UpdateReport["phase"];
  readonly code: ReportCode;
  readonly detail?: string;
}

/** States whose beginning an operator wants to see; the others pass in moments. */
const TOLD: ReadonlySet<UpdateState> = new Set([
  "downloading",
  "applying",
  "probation",
  "shadowing",
  "staged",
]);

function isHeld(offer: UpdateOffer): boolean {
  return offer.activate === "hold";
}

function reportOf(from: UpdateState, to: UpdateState, outcome: Outcome): ReportOf | undefined {
  const { event, code = "ok", detail } = outcome;
  const told = (phase: UpdateReport["phase"]): ReportOf => ({
    phase,
    code,
    ...(detail === undefined ? {} : { detail }),
  });
  if (event === "restarted")
    return from === to && TOLD.has(to) ? { phase: to, code: "interrupted" } : undefined;
  if (to !== "idle") return TOLD.has(to) && event !== "routeFailed" ? told(to) : undefined;
  switch (event) {
    case "confirmed":
      return told("confirmed");
    case "reverted":
      return told("reverted");
    case "refused":
      return told(outcome.isFailure === true ? "failed" : "refused");
    default:
      return told("failed");
  }
}
