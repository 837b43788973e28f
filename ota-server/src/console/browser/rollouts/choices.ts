import type { Role, RolloutAction, RolloutView } from "@mote/protocol";
import { many } from "../format.js";
import { devicesOn } from "./progress.js";

/** Which actions make sense, and what each does to devices, in plain words. Pure; the server has the last word. */

export interface Choice {
  readonly key: string;
  readonly action: RolloutAction;
  readonly name: string;
  readonly role: Role;
  readonly effects: readonly string[];
  readonly isPrimary: boolean;
  readonly isDanger: boolean;
  readonly isRollback: boolean;
  /** Asks whether it counts for the wave or for the rollout. */
  readonly hasScope: boolean;
}

const PLAIN = {
  role: "operator",
  isPrimary: false,
  isDanger: false,
  isRollback: false,
  hasScope: false,
} as const;

export function choicesOf(rollout: RolloutView): Choice[] {
  switch (rollout.state) {
    case "awaiting-approval":
      return [approve(rollout), ...takeBack(rollout), end(rollout), breakGlass(rollout)];
    case "running":
      return [
        pause(rollout),
        ...takeBack(rollout),
        end(rollout),
        ...(rollout.breakGlass === null ? [breakGlass(rollout)] : []),
      ];
    case "paused":
      return [resume(), ...takeBack(rollout), end(rollout)];
    case "held":
      return [letPass(rollout), goOnWatching(rollout), ...takeBack(rollout), end(rollout)];
    case "completed":
      return takeBack(rollout);
    default:
      return [];
  }
}

function approve(rollout: RolloutView): Choice {
  const wave = waveName(rollout, rollout.currentWave);
  const last = rollout.approvalsMissing <= 1;
  return {
    ...PLAIN,
    key: "approve",
    action: "approve",
    name: "Approve",
    role: "approver",
    isPrimary: true,
    hasScope: true,
    effects: [
      last
        ? isSwitchNext(rollout)
          ? "The fleet switches: every device that holds the release begins to serve by it as soon as it hears."
          : `Wave ${wave} opens at once: its devices are told of the release when they next ask.`
        : `${many(rollout.approvalsMissing - 1, "further person has", "further people have")} to approve before wave ${wave} opens.`,
      "Your name and comment stand in the rollout's history and in the audit log.",
    ],
  };
}

function isSwitchNext({ plan, currentWave }: RolloutView): boolean {
  return plan.strategy === "blue-green" && currentWave === plan.waves.length;
}

function pause(rollout: RolloutView): Choice {
  const { updating = 0, waiting = 0 } = rollout.waves[rollout.currentWave] ?? {};
  return {
    ...PLAIN,
    key: "pause",
    action: "pause",
    name: "Pause",
    effects: [
      "No further device is told of the release.",
      `${many(updating + waiting, "device")} that know of it already go on and finish.`,
      "Nothing goes back. “Resume” continues where it stopped.",
    ],
  };
}

function resume(): Choice {
  return {
    ...PLAIN,
    key: "resume",
    action: "resume",
    name: "Resume",
    isPrimary: true,
    effects: [
      "The wave goes on: devices that belong to it are told again.",
      "The wave's deadline starts anew.",
    ],
  };
}

function letPass(rollout: RolloutView): Choice {
  const isLast = rollout.currentWave === rollout.waves.length - 1;
  return {
    ...PLAIN,
    key: "approve",
    action: "approve",
    name: "Let the wave pass",
    role: "approver",
    effects: [
      "You overrule the gates: what they found stays in the history, beside your name.",
      isLast
        ? "This is the last wave: the rollout is done."
        : `Wave ${waveName(rollout, rollout.currentWave + 1)} is next: more devices get the release.`,
    ],
  };
}

function goOnWatching(rollout: RolloutView): Choice {
  return {
    ...PLAIN,
    key: "resume",
    action: "resume",
    name: "Go on watching",
    effects: [
      `Wave ${waveName(rollout, rollout.currentWave)} stays open and is judged further, with a new deadline.`,
      "A gate that says “worse” holds it again.",
    ],
  };
}

function end(rollout: RolloutView): Choice {
  return {
    ...PLAIN,
    key: "end",
    action: "abort",
    name: "End, keep what is done",
    isDanger: true,
    effects: [
      "The rollout is over for good; no further device is told.",
      devicesOn(rollout) === 0
        ? "No device runs the release by this rollout."
        : `${many(devicesOn(rollout), "device keeps", "devices keep")} the release.`,
      ...stagedWords(rollout),
      "To go on later, stage a new rollout.",
    ],
  };
}

/** What is staged has never run, and goes with the rollout. */
function stagedWords({ waves }: RolloutView): string[] {
  const staged = waves.at(-1)?.staged ?? 0;
  if (staged === 0) return [];
  return [
    `${many(staged, "device drops", "devices drop")} it from the spare slot, where nothing of it has run.`,
  ];
}

function takeBack(rollout: RolloutView): Choice[] {
  const on = devicesOn(rollout);
  const told = rollout.waves.reduce((most, wave) => Math.max(most, wave.offered), 0);
  if (told === 0) return [];
  return [
    {
      ...PLAIN,
      key: "take-back",
      action: "abort",
      name: "Roll back",
      isDanger: true,
      isRollback: true,
      effects: [
        `${many(on, "device")} that took the release, and those on their way to it, go back to what each ran before.`,
        ...stagedWords(rollout),
        "Going back waits for nothing: no window, no battery, no approval.",
        "A device that ran nothing before has nothing to go back to and keeps the release.",
        "The rollout is over for good.",
      ],
    },
  ];
}

function breakGlass(rollout: RolloutView): Choice {
  return {
    ...PLAIN,
    key: "break-glass",
    action: "break-glass",
    name: "Break glass",
    role: "release-manager",
    isDanger: true,
    effects: [
      "For emergencies: from now on this rollout waits for no approval, time window, battery or limit.",
      rollout.state === "awaiting-approval"
        ? `Wave ${waveName(rollout, rollout.currentWave)} opens at once.`
        : "Devices that wait for a condition are told again at once.",
      "The gates still judge, and a device still protects itself against an empty battery and heat.",
      "It can't be undone. Your reason stays in the audit log.",
    ],
  };
}

function waveName(rollout: RolloutView, index: number): string {
  return `“${rollout.waves[index]?.name ?? ""}”`;
}
