import type { DdiFeedback, UpdateReport } from "@mote/protocol";

type Outcome = Pick<UpdateReport, "phase" | "code">;

/** Progress that a client may send by the dozen; none of it ends the action. */
const UNDER_WAY: Record<Exclude<DdiFeedback["status"]["execution"], "closed" | "canceled">, Outcome> = {
  scheduled: { phase: "waiting", code: "ok" },
  resumed: { phase: "waiting", code: "ok" },
  // The device says "not now": it waits for something of its own.
  rejected: { phase: "waiting", code: "waiting-preconditions" },
  download: { phase: "downloading", code: "ok" },
  downloaded: { phase: "applying", code: "ok" },
  proceeding: { phase: "applying", code: "ok" },
};

/** What a feedback means in Mote's own reports. */
export function outcomeOf({ status }: DdiFeedback): Outcome & { readonly isOver: boolean } {
  const { execution, result } = status;
  if (execution === "canceled") return { phase: "failed", code: "withdrawn", isOver: true };
  if (execution !== "closed") return { ...UNDER_WAY[execution], isOver: false };
  // "closed" with "none" says that it is over, not that it went well: only success counts as success.
  return result.finished === "success"
    ? { phase: "confirmed", code: "ok", isOver: true }
    : { phase: "failed", code: "install-failed", isOver: true };
}

const DETAIL_LENGTH = 512;

/** The client's own words, the last ones first where they don't all fit: there stands the reason. */
export function detailOf({ status }: DdiFeedback): string {
  const { details, code } = status;
  const lines = details === undefined || details === null ? [] : Array.isArray(details) ? details : [details];
  const text = [...(code === undefined || code === null ? [] : [`code ${code}`]), ...lines].join("; ");
  return text.slice(-DETAIL_LENGTH);
}
