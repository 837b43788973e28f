import type { ReportCode, UpdateReport } from "@mote/protocol";
import { servingSlot } from "./slots.js";
import type { AgentState } from "./state.js";

/** Reports wait in the agent's state until the server has acknowledged their ids. */

export interface ReportFacts {
  readonly phase: UpdateReport["phase"];
  readonly code: ReportCode;
  readonly detail?: string;
}

/** Longest detail that the contract takes. */
const DETAIL_LENGTH = 512;

/**
 * @param prefix makes ids unique beyond this state file: a device whose state was wiped starts counting anew.
 * @param nowMs of the device's clock; 0 when it has none.
 */
export function withReport(
  state: AgentState,
  facts: ReportFacts,
  prefix: string,
  nowMs: number,
  maxReports: number,
): AgentState {
  const { update } = state;
  const report: UpdateReport = {
    id: `${prefix}-${String(state.nextReport).padStart(4, "0")}`,
    offerId: update.offer?.id ?? null,
    atMs: Math.max(0, Math.round(nowMs)),
    phase: facts.phase,
    code: facts.code,
    runningSequence: servingSlot(state)?.sequence ?? 0,
    targetSequence: update.candidate?.sequence ?? update.offer?.sequence ?? 0,
    artifactSha256: update.candidate?.artifactSha256 ?? null,
    downloadedBytes: update.downloadedBytes,
    codec: update.codec,
    detail: (facts.detail ?? "").slice(0, DETAIL_LENGTH),
  };
  return {
    ...state,
    nextReport: state.nextReport + 1,
    reports: bounded([...state.reports, report], maxReports),
  };
}

const ENDS: ReadonlySet<string> = new Set(["confirmed", "reverted", "refused", "failed"]);

/** Beyond the bound, reports of the way go before reports of an end: how an update ended must reach the server. */
function bounded(reports: UpdateReport[], maxReports: number): UpdateReport[] {
  if (reports.length <= maxReports) return reports;
  const at = reports.findIndex((report) => !ENDS.has(report.phase));
  return reports.filter((_, i) => i !== Math.max(at, 0));
}

export function withoutReports(state: AgentState, accepted: ReadonlySet<string>): AgentState {
  return { ...state, reports: state.reports.filter((report) => !accepted.has(report.id)) };
}
