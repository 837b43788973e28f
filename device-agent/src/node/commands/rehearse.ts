import { readFile } from "node:fs/promises";
import { checkSchema, RehearsedFleet, whatCame } from "@mote/protocol";
import { AgentUsageError } from "../../errors.js";
import type { AgentCommand } from "../command.js";
import { positiveInteger } from "../options.js";
import { chanceFrom } from "../rehearsal/chance.js";
import { enrolRehearsed, liveRehearsed, type RehearsedLife } from "../rehearsal/rehearsed-device.js";
import { untilSignalled } from "../run-options.js";

interface Options {
  server: string;
  root: string;
  fleet: string;
  classes: number;
}

/** Devices that enrol at once; an enrolment is an fsync on the server. */
const AT_ONCE = 32;
/** Between the seeds of two devices; a prime. */
const SEED_STEP = 1_000_003;
/** Events of a device's diary that a rehearsal is told by. */
const TOLD: ReadonlySet<string> = new Set(["serving", "vanished", "inference-error", "fault"]);

export const command: AgentCommand = {
  name: "rehearse",
  summary: "live the devices of a rehearsal (started by `mote rollout rehearse`)",
  configure(command, console) {
    command
      .requiredOption("--server <url>", "address of the rehearsal's own server")
      .requiredOption("--root <file>", "root metadata of the rehearsal")
      .requiredOption("--fleet <file>", "the devices, as `mote rollout rehearse` writes them")
      .requiredOption("--classes <n>", "classes of the synthetic model", positiveInteger)
      .addHelpText(
        "after",
        `
Every device is a whole agent over memory: its own key, MQTT connection and update machine; only its model, its sensor
and its faults are made up. Nothing is kept.

Example:
  mote-agent rehearse --server http://127.0.0.1:8080 --root 1.root.json --fleet fleet.json --classes 10`,
      )
      .action(async (options: Options) => {
        const fleet = checkSchema(RehearsedFleet, await readJson(options.fleet), "the fleet");
        const root = new Uint8Array(await readFile(options.root));
        const signal = untilSignalled();
        const log: RehearsedLife["log"] = (device, entry) => {
          if (TOLD.has(entry.event)) console.log(device, entry);
        };
        const life = { serverUrl: options.server, root, fleet, classes: options.classes, log };
        const lives: Promise<void>[] = [];
        for (let at = 0; at < fleet.devices.length && !signal.aborted; at += AT_ONCE) {
          const some = fleet.devices.slice(at, at + AT_ONCE);
          const enrolled = await Promise.all(some.map((device) => enrolRehearsed(device, options.server)));
          for (const [i, one] of enrolled.entries()) {
            lives.push(liveRehearsed(one, chanceFrom(fleet.seed + SEED_STEP * (at + i + 1)), life, signal));
          }
        }
        await Promise.all(lives);
      });
  },
};

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    throw new AgentUsageError({
      expected: `the devices of a rehearsal in ${path}`,
      got: whatCame(cause),
      todo: "This command is started by `mote rollout rehearse`, which writes the file.",
      cause,
    });
  }
}
