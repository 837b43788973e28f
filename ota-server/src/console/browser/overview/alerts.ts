import type { ReadyAnswer, ReleaseView, RolloutView, TrustAnswer } from "@mote/protocol";
import { many } from "../format.js";
import { to } from "../route.js";

/** What waits for a person, most urgent first: what is wrong, and what to do about it. Pure. */

export interface Alert {
  readonly key: string;
  readonly tone: "bad" | "wait";
  readonly text: string;
  readonly todo: string;
  readonly href: string;
  readonly link: string;
}

export interface Known {
  readonly rollouts: readonly RolloutView[];
  readonly releases: readonly ReleaseView[];
  readonly trust: TrustAnswer | null;
  readonly ready: ReadyAnswer | null;
}

export function alertsOf({ rollouts, releases, trust, ready }: Known): Alert[] {
  const alerts = [
    ...(ready?.problems ?? []).map(problem),
    ...rollouts.flatMap(ofRollout),
    // Of a server without any root the first steps tell.
    ...(trust === null || trust.mode === "none" ? [] : trust.warnings).map(warning),
    ...releases.filter(({ signedBy, retired }) => signedBy === "nobody" && !retired).map(unsigned),
  ];
  return [...alerts.filter(({ tone }) => tone === "bad"), ...alerts.filter(({ tone }) => tone === "wait")];
}

function problem(text: string): Alert {
  const todo = "The server refuses requests until this has passed; see its log.";
  return { key: `problem/${text}`, tone: "bad", text, todo, href: to.overview(), link: "Look again" };
}

function ofRollout(rollout: RolloutView): Alert[] {
  const { id, state, reason, approvalsMissing, rollback, waves, currentWave } = rollout;
  const name = `${rollout.plan.product} ${rollout.plan.version}`;
  const base = { key: id, href: to.rollout(id), link: `Open the rollout of ${name}` };
  switch (state) {
    case "held": {
      const todo =
        "It tells no further device. Read the evidence; then let the wave pass, go on watching, or take it back.";
      return [{ ...base, tone: "bad", text: `${name} is held: ${reason}.`, todo }];
    }
    case "rolling-back": {
      const all = rollback.done + rollback.pending;
      const text = `${name} is being taken back: ${reason}.`;
      const todo = `${rollback.done} of ${many(all, "device")} are back. Nothing to do, unless some stay away.`;
      return [{ ...base, tone: "bad", text, todo }];
    }
    case "awaiting-approval": {
      const text = `${name} waits for ${many(approvalsMissing, "approval")} before wave “${waves[currentWave]?.name}”.`;
      return [{ ...base, tone: "wait", text, todo: "Read what it would do, then approve or end it." }];
    }
    case "paused":
      return [
        {
          ...base,
          tone: "wait",
          text: `${name} is ${reason}.`,
          todo: "It tells no further device until it is resumed.",
        },
      ];
    case "running": {
      const { failed = 0, retrying = 0 } = waves[currentWave] ?? {};
      if (failed - retrying <= 0) return [];
      const text = `${name}: ${many(failed - retrying, "device")} failed.`;
      const todo =
        "They stay on what they ran before. The installs gate stops the wave if there are too many.";
      return [
        {
          ...base,
          tone: "wait",
          text,
          todo,
          href: to.rolloutDevices(id, "failed"),
          link: "See which, and why",
        },
      ];
    }
    default:
      return [];
  }
}

function warning(text: string): Alert {
  const todo = "Have the holders of its keys sign it anew, and upload it.";
  return { key: `trust/${text}`, tone: "bad", text, todo, href: to.trust(), link: "Open trust" };
}

function unsigned({ product, version }: ReleaseView): Alert {
  return {
    key: `unsigned/${product}/${version}`,
    tone: "wait",
    text: `${product} ${version} is uploaded and signed by nobody: no device takes it.`,
    todo: "Sign it (`mote sign`) and publish the signed metadata (`mote publish`).",
    href: to.release(product, version),
    link: `Open ${product} ${version}`,
  };
}
