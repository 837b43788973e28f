import { FAULTS, type Fault, METRICS, type Metric, type SyntheticModel } from "@mote/protocol";
import { UsageError } from "../errors.js";

/** What is to go wrong in a rehearsal, as it is typed. */

export interface FaultRequest {
  readonly fault: Fault;
  /** Exactly one of the two. */
  readonly share?: number;
  readonly count?: number;
}

/** `install:5%` or `vanish:2`. @throws UsageError */
export function parseFault(text: string): FaultRequest {
  const [, name = "", size = "", percent = ""] = /^([a-z]+):(\d+(?:\.\d+)?)(%?)$/.exec(text) ?? [];
  const fault = FAULTS.find((known) => known === name);
  const value = Number(size);
  if (fault !== undefined && value > 0) {
    if (percent === "%" && value <= 100) return { fault, share: value / 100 };
    if (percent === "" && Number.isInteger(value)) return { fault, count: value };
  }
  throw new UsageError({
    expected: `--fail as one of ${FAULTS.join(", ")} with a share or a number of devices`,
    got: JSON.stringify(text),
    todo: "For example --fail install:5% --fail vanish:1.",
  });
}

/** `confidence:0.1`, in the unit of the metric's margin. @throws UsageError */
export function parseWorse(text: string): { readonly metric: Metric; readonly by: number } {
  const [, name = "", size = ""] = /^([A-Za-z]+):(\d+(?:\.\d+)?)$/.exec(text) ?? [];
  const metric = METRICS.find((known) => known === name);
  const by = Number(size);
  if (metric !== undefined && by > 0 && (metric === "latency" || by <= 1)) return { metric, by };
  throw new UsageError({
    expected: `--worse as one of ${METRICS.join(", ")} with what it loses`,
    got: JSON.stringify(text),
    todo: "For example --worse confidence:0.1 (ten points) or --worse latency:0.5 (half as slow again).",
  });
}

const WORSE: Record<Metric, (model: SyntheticModel, by: number) => Partial<SyntheticModel>> = {
  confidence: ({ confidence }, by) => ({ confidence: Math.max(0, confidence - by) }),
  accuracy: ({ accuracy }, by) => ({ accuracy: Math.max(0, accuracy - by) }),
  errorRate: ({ errorRate }, by) => ({ errorRate: Math.min(1, errorRate + by) }),
  // Models of one task err on the same samples: who is right less often, agrees less often by as much.
  agreement: ({ accuracy }, by) => ({ accuracy: Math.max(0, accuracy - by) }),
  latency: ({ latencyUs }, by) => ({ latencyUs: latencyUs * (1 + by) }),
};

/** The candidate's figures: the running release's, and worse where that was asked for. */
export function worsened(
  model: SyntheticModel,
  losses: readonly { readonly metric: Metric; readonly by: number }[],
): SyntheticModel {
  let worse = model;
  for (const { metric, by } of losses) worse = { ...worse, ...WORSE[metric](worse, by) };
  return worse;
}

/**
 * Who is struck by what: each device by one fault at most.
 *
 * @param order the devices in the order in which faults strike.
 * @throws UsageError when there are more faults than devices
 */
export function strike(order: readonly string[], requests: readonly FaultRequest[]): Map<string, Fault> {
  const struck = new Map<string, Fault>();
  for (const { fault, share, count = Math.max(1, Math.round((share ?? 0) * order.length)) } of requests) {
    const free = order.filter((id) => !struck.has(id)).slice(0, count);
    if (free.length < count) {
      throw new UsageError({
        expected: `faults for at most ${order.length} devices`,
        got: `${count} more for "${fault}", with ${free.length} devices left`,
        todo: "Ask for fewer, or rehearse with more devices (--devices).",
      });
    }
    for (const id of free) struck.set(id, fault);
  }
  return struck;
}
