import type { Command } from "commander";
import { LimitError } from "../../errors.js";
import type { Outcome } from "../../rehearse/follow.js";
import type { Rehearsal } from "../../rehearse/rehearse.js";
import type { Io } from "../command.js";
import { interruptible } from "../interruptible.js";
import { addServerOptions, connect, type ServerOptions, serverUrl } from "../operator/connect.js";
import { addPlanOptions, type PlanOptions, readPlan } from "../operator/plan.js";
import { oneOf, wholeNumber } from "../options.js";

interface RehearseOptions extends ServerOptions, PlanOptions {
  readonly devices: string;
  readonly fail?: readonly string[];
  readonly worse?: readonly string[];
  readonly windowS: string;
  readonly speed?: string;
  readonly seed: string;
  readonly expect?: string;
}

const EXAMPLE = `
A server and devices of the rehearsal's own play the plan, with time compressed; the real server is only asked who the
devices are and what they run. Without --server the devices are made up. Nothing is left behind.

Example:
  mote rollout rehearse --plan plan.yaml --server https://ota.example.org --worse confidence:0.1 --expect rolled-back
  mote rollout rehearse --plan plan.yaml --devices 200 --fail install:5% --fail vanish:1

Failures (--fail), for a share or a number of the devices:
  install  the release does not pass its golden vectors     link    the first transfers break off
  errors   half of its inferences fail on probation         vanish  silent from the download on, for ever
A worse release (--worse): confidence:0.1, accuracy:0.1, errorRate:0.05 (shares), latency:0.5 (relative); of a shadow also
agreement:0.1.
`;

export function configureRehearse(command: Command, io: Io): void {
  addPlanOptions(addServerOptions(command))
    .description("play a plan against simulated devices, with failures where asked for")
    .option("--devices <n>", "devices to simulate at most", "100")
    .option("--fail <what:share...>", "a failure of some devices, e.g. install:5% or vanish:1")
    .option("--worse <metric:loss...>", "how the new release is worse, e.g. confidence:0.1")
    .option("--window-s <s>", "telemetry window of the real devices", "60")
    .option(
      "--speed <n>",
      "seconds of the fleet's life in one second (default: the most that the plan allows)",
    )
    .option("--seed <n>", "the same seed strikes the same devices", "1")
    .option("--expect <end>", "completed, rolled-back or held: exit code 3 for any other end")
    .addHelpText("after", EXAMPLE)
    .action((options: RehearseOptions) => run(options, io));
}

async function run(options: RehearseOptions, io: Io): Promise<void> {
  const plan = await readPlan(options);
  const { entryText, OUTCOMES } = await import("../../rehearse/follow.js");
  const { parseFault, parseWorse } = await import("../../rehearse/injections.js");
  const { knownByNobody, knownByServer } = await import("../../rehearse/known.js");
  const { rehearse } = await import("../../rehearse/rehearse.js");
  const expected = options.expect === undefined ? null : oneOf("--expect", options.expect, OUTCOMES);
  const devices = wholeNumber("--devices", options.devices, 1, 2000);
  const url = serverUrl(options);
  const known =
    url === null ? knownByNobody(plan, devices) : await knownByServer(await connect(options), plan, devices);
  const request = {
    plan,
    ...known,
    faults: (options.fail ?? []).map(parseFault),
    worse: (options.worse ?? []).map(parseWorse),
    windowS: wholeNumber("--window-s", options.windowS, 1, 86_400),
    speed: options.speed === undefined ? null : wholeNumber("--speed", options.speed, 1, 1_000_000),
    seed: wholeNumber("--seed", options.seed, 0, 2 ** 31),
  };
  const telling = {
    note: (text: string) => io.say(text),
    entry: (entry: Parameters<typeof entryText>[0]) => io.say(entryText(entry)),
  };
  const { rehearsal } = await interruptible("Nothing is left behind.", async (signal) => ({
    rehearsal: await rehearse(request, telling, signal),
    completed: true,
  }));
  report(rehearsal, expected, io);
}

function report(rehearsal: Rehearsal, expected: Outcome | null, io: Io): void {
  const { outcome, view, exposure, exposedAtStop, devices } = rehearsal;
  io.json({ ...rehearsal, expected });
  io.say(`It ends ${outcome}: ${view.reason}`);
  const atStop = outcome === "completed" ? "in the end" : "when it was stopped";
  io.say(
    `Of ${devices} devices ${exposedAtStop} served by ${view.plan.version} ${atStop}; ${exposure.ever} ever did, ${exposure.most} at once.`,
  );
  if (outcome === "held") io.say(`An operator would be asked: resume, approve or abort? (${view.reason})`);
  if (expected === null || expected === outcome) return;
  throw new LimitError({
    expected: `the rehearsal to end ${expected}`,
    got: `${outcome}: ${view.reason}`,
    todo: "The time line above tells how it came to that; change the plan or what you expect of it.",
  });
}
