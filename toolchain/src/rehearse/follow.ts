import type { RolloutView } from "@mote/protocol";
import { spanText } from "./pace.js";
import type { Stage } from "./stage.js";

/** Looks at the rollout this often. */
const LOOK_MS = 200;
/** A device that has not gone back by then is not coming. */
const GOING_BACK_MS = 20_000;

export const OUTCOMES = ["completed", "rolled-back", "held"] as const;
export type Outcome = (typeof OUTCOMES)[number];

export interface TimelineEntry {
  /** Seconds of the fleet's life since the rollout began. */
  readonly atS: number;
  readonly kind: "state" | "gate" | "question" | "devices";
  readonly text: string;
}

export interface Followed {
  readonly outcome: Outcome;
  readonly view: RolloutView;
  readonly timeline: readonly TimelineEntry[];
  /** Devices that served by the new release when it was stopped, or in the end. */
  readonly exposedAtStop: number;
}

/** Watches a rollout to its end, tells what moves, and answers in people's place where approvals are asked for. */
export async function follow(
  stage: Stage,
  id: string,
  speed: number,
  tell: (entry: TimelineEntry) => void,
  signal: AbortSignal,
): Promise<Followed> {
  const teller = new Teller(speed, tell);
  const died = stage.failure();
  died.catch(() => {});
  let pending = { count: -1, sinceMs: 0 };
  for (;;) {
    signal.throwIfAborted();
    const view = await Promise.race([stage.client.rollout(id), died]);
    const { ever, now, vanished } = stage.exposure;
    teller.look(view, now, ever);
    if (view.state === "awaiting-approval") await approve(stage, view, teller);
    if (view.rollback.pending !== pending.count) {
      pending = { count: view.rollback.pending, sinceMs: performance.now() };
    }
    const isStuck = view.state === "rolling-back" && performance.now() - pending.sinceMs > GOING_BACK_MS;
    const outcome = isStuck ? "rolled-back" : OUTCOMES.find((end) => end === view.state);
    if (outcome !== undefined) {
      if (isStuck)
        teller.say("devices", `${pending.count} devices did not come back (${vanished} are silent)`);
      const stoppedMs = stopOf(view);
      const exposedAtStop = stoppedMs === null ? now : stage.exposedAt(stoppedMs);
      return { outcome, view, timeline: teller.told, exposedAtStop };
    }
    await Promise.race([new Promise((resolve) => setTimeout(resolve, LOOK_MS)), died]);
  }
}

/** When it was stopped, by its history: between two looks all devices may have gone back. */
function stopOf({ history }: RolloutView): number | null {
  const isStop = (text: string) => text.startsWith("rolling-back: ") || text.startsWith("held: ");
  return history.find(({ text }) => isStop(text))?.atMs ?? null;
}

/** As many people as the plan asks for, each by a token of their own. */
async function approve(stage: Stage, view: RolloutView, teller: Teller): Promise<void> {
  const wave = view.waves[view.currentWave]!.name;
  teller.say("question", `people would be asked: ${view.reason}. The rehearsal approves`);
  for (let person = 1; ; person++) {
    const client = await stage.person(`approver-${person}`);
    const given = await client.act(view.id, "approve", { comment: `rehearsed approval of ${wave}` });
    if (given.state !== "awaiting-approval") return;
  }
}

/** Says each thing once, at the fleet's own time. */
class Teller {
  readonly told: TimelineEntry[] = [];
  #history = 0;
  #startedMs: number | null = null;
  #atS = 0;
  readonly #verdicts = new Map<string, string>();
  #exposed = 0;

  constructor(
    private readonly speed: number,
    private readonly tell: (entry: TimelineEntry) => void,
  ) {}

  look(view: RolloutView, exposed: number, ever: number): void {
    this.#startedMs ??= view.createdAtMs;
    this.#at(view.updatedAtMs);
    for (const wave of view.waves) {
      for (const { gate, verdict, text } of wave.gates) {
        const key = `${wave.name}/${gate}`;
        if (this.#verdicts.get(key) === verdict) continue;
        this.#verdicts.set(key, verdict);
        if (verdict !== "undecided") this.say("gate", `${wave.name}, ${gate} says ${verdict}: ${text}`);
      }
    }
    for (const { atMs, text } of view.history.slice(this.#history)) {
      this.#at(atMs);
      this.say("state", text);
    }
    this.#history = view.history.length;
    this.#at(Date.now());
    if (exposed === this.#exposed) return;
    // By doubles and halves: a line for every device would hide the rest.
    const isWorthALine =
      exposed === 0 || this.#exposed === 0 || exposed >= 2 * this.#exposed || exposed <= this.#exposed / 2;
    if (!isWorthALine) return;
    this.#exposed = exposed;
    this.say("devices", `${exposed} devices serve by the new release (${ever} ever did)`);
  }

  say(kind: TimelineEntry["kind"], text: string): void {
    const entry = { atS: Math.round(this.#atS), kind, text };
    this.told.push(entry);
    this.tell(entry);
  }

  #at(ms: number): void {
    const atS = ((ms - this.#startedMs!) / 1000) * this.speed;
    // A line's time is never before the line above.
    this.#atS = Math.max(this.#atS, atS);
  }
}

export function entryText({ atS, kind, text }: TimelineEntry): string {
  const mark = { state: " ", gate: "|", question: "?", devices: "#" }[kind];
  return `+ ${spanText(atS).padEnd(10)} ${mark} ${text}`;
}
