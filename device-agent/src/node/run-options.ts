import { setMaxListeners } from "node:events";
import { type DeviceConditions, isTimeZone, LINK_TYPES, type LinkType } from "@mote/protocol";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { AgentOptions } from "./assemble.js";
import { percent, positiveNumber } from "./options.js";

/** The flags that `run` and `simulate` share. */
export interface RunOptions {
  sensor: string;
  windowS: number;
  rateHz: number;
  batteryPercent?: number;
  charging?: boolean;
  metered?: boolean;
  link?: LinkType;
  timeZone?: string;
  criticalFile?: string;
  writeKibS?: number;
}

export function addRunOptions(command: Command): Command {
  return command
    .requiredOption(
      "--sensor <file>",
      'recorded samples in the place of a sensor: .npz with "x" and maybe "y", or .npy',
    )
    .option("--window-s <seconds>", "length of a telemetry window", positiveNumber, 60)
    .option("--rate-hz <n>", "inferences per second", positiveNumber, 5)
    .option("--battery-percent <n>", "battery level, where the machine can't tell", percent)
    .option("--charging", "on external power, where the machine can't tell")
    .option("--metered", "on a link that costs by the byte")
    .addOption(new Option("--link <type>", "the link, where the machine can't tell").choices(LINK_TYPES))
    .option(
      "--time-zone <name>",
      "where the device stands, e.g. Europe/Berlin (default: the machine's)",
      timeZone,
    )
    .option("--critical-file <path>", "while this file exists, the device must not be interrupted")
    .option(
      "--write-kib-s <n>",
      "write slots no faster, so that slow flash stays free for the sensor",
      positiveNumber,
    );
}

export function agentOptions(
  options: RunOptions,
): Pick<AgentOptions, "settings" | "conditions"> &
  Partial<Pick<AgentOptions, "writeBytesPerS" | "criticalFile">> {
  const conditions: Partial<DeviceConditions> = {
    ...(options.batteryPercent === undefined ? {} : { batteryPercent: options.batteryPercent }),
    ...(options.charging === undefined ? {} : { charging: options.charging }),
    ...(options.metered === undefined ? {} : { metered: options.metered }),
    ...(options.link === undefined ? {} : { link: options.link }),
    ...(options.timeZone === undefined ? {} : { timeZone: options.timeZone }),
  };
  return {
    settings: { windowMs: options.windowS * 1000, rateHz: options.rateHz },
    conditions,
    ...(options.criticalFile === undefined ? {} : { criticalFile: options.criticalFile }),
    ...(options.writeKibS === undefined ? {} : { writeBytesPerS: options.writeKibS * 1024 }),
  };
}

function timeZone(name: string): string {
  if (isTimeZone(name)) return name;
  throw new InvalidArgumentError("Expected an IANA name such as Europe/Berlin.");
}

/** Aborted by SIGINT or SIGTERM: the agent says goodbye and ends. A second signal ends it at once. */
export function untilSignalled(): AbortSignal {
  const controller = new AbortController();
  // One signal ends all of a simulated fleet: many listeners are no leak here.
  setMaxListeners(0, controller.signal);
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.once(name, () => {
      controller.abort();
      process.once(name, () => process.exit(1));
    });
  }
  return controller.signal;
}
