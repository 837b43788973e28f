import { OF_TRANSFER, type ReportCode, type UpdateEvent, unmetPreconditions } from "@mote/protocol";
import { DiskFullError } from "../errors.js";
import { backoffMs } from "./backoff.js";
import { type CandidateDeps, judgeHeld, judgeOffer, openRelease, type Release } from "./candidate.js";
import { download } from "./download.js";
import { proveVariant } from "./golden.js";
import type { AgentStores, Clock, Conditions, InferenceEngine, Log, Random } from "./ports.js";
import { allowance } from "./power.js";
import { Probation } from "./probation.js";
import { messageOf, reportCode } from "./report-code.js";
import { artifactFrom, fetchRoute, isTransient, usableRoutes } from "./routes.js";
import type { AgentSettings } from "./settings.js";
import { neededBlobs, spareSlot, withSpare, withSpareConfirmed } from "./slots.js";
import type { AgentState, UpdateOffer, UpdateRecord } from "./state.js";

/** The effect of each state of the update machine. Every effect may be performed again from its beginning. */

export interface EffectDeps
  extends Omit<CandidateDeps, "trust" | "blobs" | "sha256" | "onBytes" | "stallMs"> {
  readonly stores: AgentStores;
  readonly engine: InferenceEngine;
  readonly conditions: Conditions;
  readonly random: Random;
  readonly settings: AgentSettings;
  readonly log: Log;
  /** By which maintenance windows are judged, where it is not `clock`: a rehearsal's week passes in minutes. */
  readonly windowClock?: Pick<Clock, "wallMs">;
}

/** What an effect came to: the event for the table, and what is persisted together with the state that follows. */
export interface Outcome {
  readonly event: UpdateEvent;
  readonly change?: (state: AgentState) => AgentState;
  readonly code?: ReportCode;
  readonly detail?: string;
  /** The update failed here, rather than being refused by trust. */
  readonly isFailure?: boolean;
}

/** The slice of the updater that effects use. */
export interface Host {
  readonly state: AgentState;
  probation: Probation | null;
  note(
    change: (state: AgentState) => AgentState,
    report?: { phase: "waiting"; code: ReportCode; detail?: string },
  ): Promise<void>;
}

/** Null when there is nothing to say: the effect was cut off, or the state only waits. */
export async function perform(host: Host, deps: EffectDeps, signal: AbortSignal): Promise<Outcome | null> {
  const { state } = host.state.update;
  if (state !== "probation") host.probation = null;
  switch (state) {
    case "idle":
      await aborted(signal);
      return null;
    case "waiting":
      return waiting(host, deps, signal);
    case "verifying":
      return verifying(host, deps, signal);
    case "downloading":
      return downloading(host, deps, signal);
    case "applying":
      return applying(host, deps);
    case "trying":
      return trying(host, deps);
    case "probation":
      return probation(host, deps, signal);
    case "shadowing":
      return shadowing(host, deps, signal);
    case "staged":
      return staged(host, deps, signal);
    case "confirming":
      return { event: "confirmed", change: withSpareConfirmed };
    case "reverting": {
      const { code, detail } = host.state.update;
      return { event: "reverted", code: code ?? "withdrawn", detail };
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

const patch =
  (change: Partial<UpdateRecord>) =>
  (state: AgentState): AgentState => ({ ...state, update: { ...state.update, ...change } });

/** What keeps this update waiting now. */
async function unmetNow(host: Host, deps: EffectDeps): Promise<string[]> {
  const { offer } = host.state.update;
  const now = await deps.conditions();
  const isHere = host.state.update.state === "staged";
  const unmet: string[] = unmetPreconditions(
    offer?.preconditions ?? {},
    now,
    (deps.windowClock ?? deps.clock).wallMs(),
  ).filter((name) => !isHere || !OF_TRANSFER.has(name));
  // Going back is for the device's own good and costs little: it does not wait for a charger.
  const { noUpdate } = allowance(now, deps.settings.power);
  if (noUpdate !== null && offer?.kind !== "rollback") unmet.push(noUpdate);
  return unmet;
}

async function waiting(host: Host, deps: EffectDeps, signal: AbortSignal): Promise<Outcome | null> {
  const { settings, clock, random } = deps;
  const { attempts } = host.state.update;
  if (attempts > 0)
    await clock.sleep(backoffMs(attempts, settings.retryFirstMs, settings.retryMaxMs, random), signal);
  return (await allMet(host, deps, signal)) ? { event: "preconditionsMet" } : null;
}

/** Waits until nothing stands against the update, and says what does. @returns false when it was cut off. */
async function allMet(host: Host, deps: EffectDeps, signal: AbortSignal): Promise<boolean> {
  let told = "";
  while (!signal.aborted) {
    const unmet = await unmetNow(host, deps);
    if (unmet.length === 0) return true;
    const detail = unmet.join(", ");
    if (detail !== told) {
      told = detail;
      deps.log({ event: "waiting", unmet });
      await host.note((state) => state, { phase: "waiting", code: "waiting-preconditions", detail });
    }
    await deps.clock.sleep(deps.settings.preconditionsEveryMs, signal);
  }
  return false;
}

async function verifying(host: Host, deps: EffectDeps, signal: AbortSignal): Promise<Outcome | null> {
  const offer = host.state.update.offer!;
  try {
    const candidate = await judgeOffer(offer, candidateDeps(deps), signal);
    return { event: "trusted", change: patch({ candidate }) };
  } catch (error) {
    return signal.aborted ? null : failure(host, deps, error);
  }
}

function candidateDeps(deps: EffectDeps): CandidateDeps {
  const { stores, crypto, settings } = deps;
  return {
    ...deps,
    trust: stores.trust,
    blobs: stores.blobs,
    sha256: crypto.sha256,
    stallMs: settings.stallMs,
  };
}

/** Waits and tries again where that may help; else the update ends here. */
function failure(host: Host, deps: EffectDeps, error: unknown): Outcome {
  const attempts = host.state.update.attempts + 1;
  const detail = messageOf(error);
  if (isTransient(error)) {
    if (attempts < deps.settings.downloadAttempts) {
      return { event: "downloadFailed", change: patch({ attempts }), detail };
    }
    return { event: "refused", code: "download-failed", detail, isFailure: true };
  }
  const code = reportCode(error);
  const isFailure = code === "disk-full" || code === "download-failed" || code === "internal";
  return { event: "refused", code, detail, isFailure };
}

async function releaseOf(host: Host, deps: EffectDeps): Promise<Release> {
  return openRelease(host.state.update.candidate!, deps.hardware, (sha256) => deps.stores.blobs.read(sha256));
}

/**
 * Fetches while the preconditions hold. A window that closes or a charger that is unplugged ends the transfer; what has
 * come stays, and the rest follows when they hold again.
 */
async function downloading(host: Host, deps: EffectDeps, signal: AbortSignal): Promise<Outcome | null> {
  const lost = new AbortController();
  const stop = () => lost.abort();
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop, { once: true });
  let unmet: string[] = [];
  const watch = async () => {
    while (!lost.signal.aborted) {
      await deps.clock.sleep(deps.settings.preconditionsEveryMs, lost.signal);
      if (lost.signal.aborted) return;
      unmet = await unmetNow(host, deps);
      if (unmet.length > 0) stop();
    }
  };
  const watching = watch();
  try {
    const outcome = await fetchRelease(host, deps, lost.signal);
    if (outcome !== null || signal.aborted) return outcome;
    const detail = unmet.join(", ");
    deps.log({ event: "preconditions-lost", unmet });
    return { event: "preconditionsLost", code: "waiting-preconditions", detail };
  } finally {
    stop();
    signal.removeEventListener("abort", stop);
    await watching;
  }
}

async function fetchRelease(host: Host, deps: EffectDeps, signal: AbortSignal): Promise<Outcome | null> {
  const { offer, candidate, failedRoutes } = host.state.update;
  let bytes = 0;
  const downloads = {
    ...candidateDeps(deps),
    onBytes: (count: number) => {
      bytes += count;
    },
  };
  const counted = () => host.state.update.downloadedBytes + bytes;
  try {
    const release = await releaseOf(host, deps);
    const { inputs, outputs } = release.variant.golden;
    await download(inputs, candidateDeps(deps), signal);
    await download(outputs, candidateDeps(deps), signal);
    if (await isWhole(deps, candidate!.artifactSha256)) {
      return { event: "downloaded", change: patch({ route: null, codec: "held" }) };
    }
    const routes = usableRoutes(offer!.routes, release.variant.artifact);
    await makeRoom(host, deps, release, routes);
    const { route, failed } = await fetchRoute(
      routes,
      failedRoutes,
      {
        ...downloads,
        onFailed: (bad, reason) =>
          deps.log({ event: "route-failed", codec: bad.codec, blob: bad.blob.sha256, reason }),
      },
      signal,
    );
    return {
      event: "downloaded",
      change: patch({
        route: route.blob.sha256,
        codec: route.codec,
        failedRoutes: [...failed],
        downloadedBytes: counted(),
      }),
    };
  } catch (error) {
    if (bytes > 0) await host.note(patch({ downloadedBytes: counted() }));
    return signal.aborted ? null : failure(host, deps, error);
  }
}

async function isWhole(deps: EffectDeps, sha256: string): Promise<boolean> {
  if (!(await deps.stores.blobs.has(sha256))) return false;
  return deps.stores.blobs.read(sha256).then(
    () => true,
    () => false,
  );
}

/** Refuses an update before it is fetched when there is no room for it; the old spare release goes first. */
async function makeRoom(
  host: Host,
  deps: EffectDeps,
  release: Release,
  routes: UpdateOffer["routes"],
): Promise<void> {
  const { blobs } = deps.stores;
  const largest = Math.max(0, ...routes.map((route) => route.blob.length));
  const wanted = release.variant.artifact.length + largest + deps.settings.reserveBytes;
  let free = await blobs.freeBytes();
  if (free === null || free >= wanted) return;
  const spare = spareSlot(host.state);
  if (spare !== null) {
    await host.note((state) => withSpare(state, null));
    deps.log({ event: "spare-dropped", version: spare.version, reason: "room for the update" });
    await blobs.keepOnly(neededBlobs(host.state));
    free = await blobs.freeBytes();
  }
  if (free === null || free >= wanted) return;
  throw new DiskFullError({
    expected: `${wanted} bytes of free room for the update`,
    got: `${free}`,
    todo: "Free some room on the device; the update comes again.",
  });
}

async function applying(host: Host, deps: EffectDeps): Promise<Outcome> {
  const { offer, candidate, route: chosen, restarts, failedRoutes } = host.state.update;
  const { blobs } = deps.stores;
  if (restarts > deps.settings.maxRestarts) {
    return { event: "applyFailed", code: "interrupted", detail: `${restarts} restarts during this update` };
  }
  const inSpare = (state: AgentState) => withSpare(state, candidate);
  if (await isWhole(deps, candidate!.artifactSha256)) return { event: "applied", change: inSpare };
  try {
    const route = offer!.routes.find((entry) => entry.blob.sha256 === chosen);
    if (route === undefined) return { event: "routeFailed", change: patch({ route: null }) };
    const { variant } = await releaseOf(host, deps);
    const bytes = await artifactFrom(route, variant.artifact, { blobs, sha256: deps.crypto.sha256 });
    await blobs.put(candidate!.artifactSha256, bytes);
    return { event: "applied", change: inSpare };
  } catch (error) {
    if (error instanceof DiskFullError)
      return { event: "applyFailed", code: "disk-full", detail: messageOf(error) };
    deps.log({ event: "route-failed", blob: chosen, reason: messageOf(error) });
    return {
      event: "routeFailed",
      change: patch({
        route: null,
        failedRoutes: chosen === null ? failedRoutes : [...failedRoutes, chosen],
      }),
      detail: messageOf(error),
    };
  }
}

async function trying(host: Host, deps: EffectDeps): Promise<Outcome> {
  const failed = (code: ReportCode, detail: string): Outcome => ({
    event: "goldenFailed",
    change: patch({ code, detail }),
    detail,
  });
  const { restarts } = host.state.update;
  if (restarts > deps.settings.maxRestarts)
    return failed("interrupted", `${restarts} restarts during this update`);
  try {
    const { variant } = await releaseOf(host, deps);
    const result = await proveVariant(variant, deps.stores.blobs, deps.engine);
    return result.passed
      ? { event: passedEvent(host.state.update.offer), detail: result.detail }
      : failed("golden-failed", result.detail);
  } catch (error) {
    return failed("golden-failed", messageOf(error));
  }
}

function passedEvent(offer: UpdateOffer | null): "shadowReady" | "goldenHeld" | "goldenPassed" {
  if (offer?.kind === "shadow") return "shadowReady";
  return offer?.activate === "hold" ? "goldenHeld" : "goldenPassed";
}

/** How often the verdict is asked for. */
const VERDICT_EVERY_MS = 100;

async function probation(host: Host, deps: EffectDeps, signal: AbortSignal): Promise<Outcome | null> {
  const { restarts } = host.state.update;
  const unhealthy = (code: ReportCode, detail: string): Outcome => ({
    event: "unhealthy",
    change: patch({ code, detail }),
    detail,
  });
  if (restarts > deps.settings.maxRestarts)
    return unhealthy("interrupted", `${restarts} restarts during this update`);
  let release: Release;
  try {
    release = await releaseOf(host, deps);
  } catch (error) {
    return unhealthy("internal", messageOf(error));
  }
  const watch = new Probation(release.manifest.health, deps.clock.monotonicMs());
  host.probation = watch;
  while (!signal.aborted) {
    const verdict = watch.verdict(deps.clock.monotonicMs());
    if (verdict.kind === "healthy") return { event: "healthy" };
    if (verdict.kind === "unhealthy") return unhealthy(verdict.code, verdict.detail);
    await deps.clock.sleep(VERDICT_EVERY_MS, signal);
  }
  return null;
}

/** The inference loop does the work (shadow.ts); this watches that the shadow does not pull the device down with it. */
async function shadowing(host: Host, deps: EffectDeps, signal: AbortSignal): Promise<Outcome | null> {
  const { restarts } = host.state.update;
  const { maxRestarts, shadowSettleMs } = deps.settings;
  if (restarts > maxRestarts) {
    const detail = `${restarts} restarts with this release in the shadow`;
    return { event: "shadowFailed", code: "interrupted", detail };
  }
  if (restarts > 0) {
    await deps.clock.sleep(shadowSettleMs, signal);
    if (!signal.aborted) await host.note(patch({ restarts: 0 }));
  }
  await aborted(signal);
  return null;
}

/**
 * Nothing of the release runs. When the word to switch has come, what protects the device still counts, and so does what
 * people have signed since: whoever sends the word may have kept it back until the release was retired.
 */
async function staged(host: Host, deps: EffectDeps, signal: AbortSignal): Promise<Outcome | null> {
  if (host.state.update.offer?.activate === "hold") {
    await aborted(signal);
    return null;
  }
  const { retryFirstMs, retryMaxMs } = deps.settings;
  for (let attempt = 1; await allMet(host, deps, signal); attempt++) {
    try {
      await judgeHeld(host.state.update.candidate!, candidateDeps(deps), signal);
      // Restarts while it lay there say nothing about the release.
      return { event: "activated", change: patch({ restarts: 0 }) };
    } catch (error) {
      if (signal.aborted) return null;
      const detail = messageOf(error);
      if (!isTransient(error)) return { event: "refused", code: reportCode(error), detail };
      deps.log({ event: "switch-delayed", reason: detail });
      await deps.clock.sleep(backoffMs(attempt, retryFirstMs, retryMaxMs, deps.random), signal);
    }
  }
  return null;
}
