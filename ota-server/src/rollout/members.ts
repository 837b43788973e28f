import type { UpdateReport } from "@mote/protocol";
import type { Member } from "../store/rollouts.js";
import { isBlueGreenPlan } from "./blueGreen.js";
import { retryAtMs } from "./retries.js";
import { isShadowPlan } from "./shadow.js";
import type { RolloutState } from "./state.js";

const FAILED_PHASES: ReadonlySet<string> = new Set(["reverted", "refused", "failed"]);

/** Did the update fail, as its device tells it? Null while that is open, and for one that the server has withdrawn. */
export function hasFailed({ phase, code }: Pick<UpdateReport, "phase" | "code">): boolean | null {
  if (phase === "confirmed") return false;
  return FAILED_PHASES.has(phase) && code !== "withdrawn" ? true : null;
}

/**
 * Pure. What a device's report makes of its row; the same object when nothing.
 *
 * @param rollout whose release the row is about: a report about another release says nothing here.
 */
export function memberAfterReport(
  member: Member,
  report: UpdateReport,
  rollout: Pick<RolloutState, "sequence" | "plan" | "artifacts" | "name">,
  nowMs: number,
): Member {
  if (member.state === "returning") {
    const isBack =
      report.runningSequence === member.previousSequence &&
      (report.phase === "confirmed" || FAILED_PHASES.has(report.phase));
    return isBack ? { ...member, state: "returned", settledAtMs: nowMs } : member;
  }
  const isShadow = isShadowPlan(rollout.plan);
  const mayFailYet = isShadow && member.state === "confirmed" && FAILED_PHASES.has(report.phase);
  const isOpen = member.state === "offered" || member.state === "staged";
  if (!isOpen && !mayFailYet) return member;
  if (report.targetSequence !== rollout.sequence) return member;
  const transfer = { downloadedBytes: report.downloadedBytes, codec: report.codec ?? member.codec };
  const isStaged = report.phase === "staged" && isBlueGreenPlan(rollout.plan);
  if (isStaged || report.phase === (isShadow ? "shadowing" : "confirmed")) {
    const runsBeside = isShadow || isStaged;
    const contradiction = runsBeside ? foreignArtifact(report, rollout) : contradictionOf(report, rollout);
    if (contradiction !== null) {
      // Broken or lying, it must not count as a device that runs the release well.
      return {
        ...member,
        ...transfer,
        state: "failed",
        code: "digest-mismatch",
        detail: contradiction,
        settledAtMs: nowMs,
      };
    }
    return {
      ...member,
      ...transfer,
      state: isStaged ? "staged" : "confirmed",
      code: report.code,
      detail: null,
      settledAtMs: nowMs,
    };
  }
  if (FAILED_PHASES.has(report.phase)) {
    // The server withdrew the offer: that is nobody's failure.
    if (report.code === "withdrawn") return withdrawn(member, rollout, nowMs);
    return {
      ...member,
      ...transfer,
      state: "failed",
      code: report.code,
      detail: shortened(report.detail),
      settledAtMs: nowMs,
      retryAtMs: retryAtMs(report.code, member.attempts, nowMs, rollout.plan.retries),
    };
  }
  // A device that waits for its preconditions is not late; its time starts again when it goes on.
  if (report.code === "waiting-preconditions") {
    return { ...member, ...transfer, code: report.code, detail: shortened(report.detail) };
  }
  const offeredAtMs = member.code === "waiting-preconditions" ? nowMs : member.offeredAtMs;
  return { ...member, ...transfer, code: null, detail: null, offeredAtMs };
}

/** What was staged is gone: for good where the rollout is over, else it will be told again. */
function withdrawn(member: Member, { name }: Pick<RolloutState, "name">, nowMs: number): Member {
  if (member.state !== "staged") return member;
  if (name === "aborted") return { ...member, state: "returned", settledAtMs: nowMs };
  return { ...member, state: "offered", offeredAtMs: nowMs, settledAtMs: null };
}

/** Why a confirmation can't be true; null when it may be. */
function contradictionOf(
  report: UpdateReport,
  rollout: Pick<RolloutState, "sequence" | "artifacts">,
): string | null {
  const { runningSequence } = report;
  const { sequence } = rollout;
  if (runningSequence !== sequence) return `confirms ${sequence} and says that it runs ${runningSequence}`;
  return foreignArtifact(report, rollout);
}

function foreignArtifact(
  { artifactSha256 }: UpdateReport,
  { artifacts }: Pick<RolloutState, "artifacts">,
): string | null {
  // Clients that don't tell (hawkBit's) say null; rollouts of older servers don't know.
  if (artifactSha256 === null || artifacts.length === 0) return null;
  if (artifacts.includes(artifactSha256)) return null;
  return "confirms the release with an artifact that is not the release's";
}

/** Enough for a row; the report itself keeps the whole. */
function shortened(detail: string): string | null {
  return detail === "" ? null : detail.slice(0, 120);
}
