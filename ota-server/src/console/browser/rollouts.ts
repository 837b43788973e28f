import type { GateEvidence, RolloutAction, RolloutView, WaveView } from "@mote/protocol";
import { byId, clock, h, show } from "./dom.js";

export type OnAct = (rollout: RolloutView, action: RolloutAction) => void;

/** Which actions make sense; the server has the last word. */
const ACTIONS: Partial<Record<RolloutView["state"], readonly RolloutAction[]>> = {
  "awaiting-approval": ["approve", "abort"],
  running: ["pause", "abort"],
  paused: ["resume", "abort"],
  held: ["approve", "resume", "abort"],
};

const SHOWN_FULLY = 3;

export function showRollouts(rollouts: readonly RolloutView[], mayAct: boolean, onAct: OnAct): void {
  const section = byId("rollouts");
  if (rollouts.length === 0) {
    show(section, h("p", { class: "note" }, "No rollout yet: “New rollout” stages one."));
    return;
  }
  show(
    section,
    ...rollouts.slice(0, SHOWN_FULLY).map((rollout) => card(rollout, mayAct, onAct)),
    rollouts.length > SHOWN_FULLY ? older(rollouts.slice(SHOWN_FULLY)) : null,
  );
}

function card(rollout: RolloutView, mayAct: boolean, onAct: OnAct): HTMLElement {
  const actions = mayAct ? (ACTIONS[rollout.state] ?? []) : [];
  const { done, pending } = rollout.rollback;
  return h(
    "article",
    { class: `rollout is-${rollout.state}` },
    h(
      "header",
      {},
      h("h3", {}, `${rollout.plan.product} ${rollout.plan.version}`),
      h("span", { class: `badge is-${rollout.state}` }, rollout.state),
      h("code", {}, rollout.id),
    ),
    h("p", { class: "reason" }, rollout.reason),
    done + pending > 0
      ? h(
          "p",
          { class: "reason" },
          `Taken back: ${done} of ${done + pending} devices are on what they ran before.`,
        )
      : null,
    h("ol", { class: "waves" }, ...rollout.waves.map((wave, i) => waveItem(wave, i === rollout.currentWave))),
    actions.length === 0
      ? null
      : h(
          "p",
          { class: "actions" },
          ...actions.map((action) =>
            h(
              "button",
              { type: "button", "data-key": `${rollout.id}/${action}`, click: () => onAct(rollout, action) },
              action,
            ),
          ),
        ),
    h(
      "details",
      { "data-key": `${rollout.id}/history` },
      h("summary", {}, "History"),
      h(
        "ol",
        { class: "history" },
        ...rollout.history.map(({ atMs, text }) =>
          h("li", {}, h("time", { datetime: new Date(atMs).toISOString() }, clock(atMs)), ` ${text}`),
        ),
      ),
    ),
  );
}

function waveItem(wave: WaveView, isCurrent: boolean): HTMLElement {
  const pending = Math.max(0, wave.members - wave.confirmed - wave.failed);
  const part = (count: number, kind: string) => {
    const span = h("span", { class: kind });
    span.style.flexGrow = String(count);
    return span;
  };
  const figures =
    wave.openedAtMs === null
      ? "not open yet"
      : `${wave.confirmed} of ${wave.members} confirmed, ${wave.failed} failed, ${wave.control} in the control group`;
  return h(
    "li",
    { class: `wave is-${wave.state}`, ...(isCurrent ? { "aria-current": "step" } : {}) },
    h(
      "div",
      { class: "wave-head" },
      h("b", {}, wave.name),
      h("span", { class: `badge is-${wave.state}` }, wave.state),
    ),
    h(
      "div",
      { class: "stack", role: "img", "aria-label": figures },
      ...(wave.openedAtMs === null
        ? [part(1, "pending")]
        : [part(wave.confirmed, "confirmed"), part(wave.failed, "failed"), part(pending, "pending")]),
    ),
    h("p", { class: "note" }, figures),
    wave.gates.length === 0 ? null : h("ul", { class: "gates" }, ...wave.gates.map(gateItem)),
  );
}

function gateItem(gate: GateEvidence): HTMLElement {
  return h(
    "li",
    { class: `gate is-${gate.verdict}` },
    h("span", { class: `badge is-${gate.verdict}` }, gate.verdict),
    h("b", {}, gate.gate),
    scale(gate),
    h("span", { class: "note" }, gate.text),
  );
}

/** Where the measured difference lies between "no worse" and the margin; right of the mark is worse than allowed. */
function scale(gate: GateEvidence): HTMLElement | null {
  if (gate.difference === null || gate.margin === null) return null;
  const reach = 2 * gate.margin;
  const at = Math.max(-reach, Math.min(reach, gate.difference));
  const dot = h("i", { class: "dot" });
  dot.style.left = `${50 + (50 * at) / reach}%`;
  const p = gate.pWorse === null ? "" : `, p ${gate.pWorse.toPrecision(2)}, look ${gate.looks}`;
  return h(
    "span",
    {
      class: "scale",
      role: "img",
      "aria-label": `difference ${gate.difference.toPrecision(2)}, margin ${gate.margin}${p}`,
      title: `${gate.waveDevices} devices against ${gate.controlDevices}${p}`,
    },
    h("i", { class: "zero" }),
    h("i", { class: "margin" }),
    dot,
  );
}

function older(rollouts: readonly RolloutView[]): HTMLElement {
  return h(
    "details",
    { "data-key": "older" },
    h("summary", {}, `${rollouts.length} older`),
    h(
      "ul",
      { class: "older" },
      ...rollouts.map((one) =>
        h(
          "li",
          {},
          `${one.plan.product} ${one.plan.version} `,
          h("span", { class: "badge" }, one.state),
          ` ${one.reason}`,
        ),
      ),
    ),
  );
}
