import type { FleetAnswer, RolloutView } from "@mote/protocol";
import type { Known } from "./alerts.js";

export interface Step {
  readonly name: string;
  readonly isDone: boolean;
  /** Commands stand between backticks. */
  readonly how: string;
}

/** What it takes until the first release runs on the first device, in order. Pure. */
export function firstStepsOf(
  { trust, releases }: Known,
  { devices }: Pick<FleetAnswer, "devices">,
  rollouts: readonly RolloutView[],
  product = releases[0]?.product ?? "PRODUCT",
): Step[] {
  const sign = trust?.mode === "offline" ? "`mote sign FILE.bundle --keys trust --repo trust`, then " : "";
  return [
    {
      name: "Make the keys that devices will trust",
      isDone: trust !== null && trust.mode !== "none",
      how: "`mote keys init --out trust --mode server` (or `--mode offline`, where people sign and the server can't); start the server with `--server-keys trust/server-keys`, then publish the root: `mote publish --repo trust`.",
    },
    {
      name: "Publish a release",
      isDone: releases.length > 0,
      how: `\`mote bundle create\` packs a model (\`--help\` has an example); ${sign}\`mote publish FILE.bundle --repo trust\`.`,
    },
    {
      name: "Let devices in",
      isDone: devices > 0,
      how: `\`mote fleet tokens -p ${product} -n 5 -o tokens.txt\` makes a token for each; on the device: \`mote-agent enroll\`, then \`mote-agent run\`. \`mote-agent simulate\` plays a fleet on this machine.`,
    },
    {
      name: "Start a rollout",
      isDone: rollouts.length > 0,
      how: "Until then devices run nothing: a release reaches them by a rollout alone.",
    },
  ];
}
