import type { ReleaseView, RolloutView, TrustAnswer } from "@mote/protocol";
import { byId, h, show } from "./dom.js";

/** What waits for a person, most urgent first. Empty is the usual and best state, and says so. */

interface Alert {
  readonly kind: "bad" | "wait";
  readonly text: string;
}

let rollouts: readonly RolloutView[] = [];
let releases: readonly ReleaseView[] = [];
let warnings: readonly string[] = [];

export function alertOf(part: {
  rollouts?: readonly RolloutView[];
  releases?: readonly ReleaseView[];
  trust?: TrustAnswer;
}): void {
  rollouts = part.rollouts ?? rollouts;
  releases = part.releases ?? releases;
  warnings = part.trust?.warnings ?? warnings;
  const alerts = [...rollouts.flatMap(alertsOfRollout), ...ofTrust(), ...releases.flatMap(alertsOfRelease)];
  show(
    byId("alerts"),
    alerts.length === 0
      ? h("p", { class: "note" }, "Nothing waits for you.")
      : h("ul", {}, ...alerts.map(({ kind, text }) => h("li", { class: `alert is-${kind}` }, text))),
  );
}

function alertsOfRollout(rollout: RolloutView): Alert[] {
  const name = `${rollout.plan.product} ${rollout.plan.version}`;
  switch (rollout.state) {
    case "held":
      return [{ kind: "bad", text: `${name} is held: ${rollout.reason}` }];
    case "rolling-back":
      return [{ kind: "bad", text: `${name} is being taken back: ${rollout.reason}` }];
    case "awaiting-approval":
      return [{ kind: "wait", text: `${name} waits for approval.` }];
    case "paused":
      return [{ kind: "wait", text: `${name} is paused.` }];
    default:
      return [];
  }
}

const ofTrust = (): Alert[] => warnings.map((text) => ({ kind: "bad", text }));

function alertsOfRelease({ product, version, signedBy, retired }: ReleaseView): Alert[] {
  if (signedBy !== "nobody" || retired) return [];
  return [
    { kind: "wait", text: `${product} ${version} is uploaded and signed by nobody: no device takes it.` },
  ];
}
