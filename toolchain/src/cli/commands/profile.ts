import { writeFile } from "node:fs/promises";
import { EXIT } from "@mote/protocol";
import { OPTIMIZE } from "../../emit/compile.js";
import { readModel } from "../../formats/index.js";
import { renderHtml } from "../../profile/html.js";
import { type ProfileOptions, profileGraph } from "../../profile/profile.js";
import { readBudget } from "../../profile/read-budget.js";
import { describeOver, profileDocument, renderProfile } from "../../profile/terminal.js";
import { waysUnder } from "../../profile/ways.js";
import { loadTarget } from "../../targets/index.js";
import type { CliCommand } from "../command.js";
import { oneOf } from "../options.js";

interface Options {
  readonly target: string;
  readonly budget?: string;
  readonly html?: string;
  readonly singleSlot?: boolean;
  readonly optimize: string;
  readonly fixed?: boolean;
}

export const command: CliCommand = {
  name: "profile",
  summary: "time, energy, RAM, flash and battery days on a target; exit 3 when over budget",
  configure(command, io) {
    command
      .argument("<model>", "a quantized model")
      .requiredOption("--target <target>", "what it is to run on; `mote targets` lists them")
      .option("--budget <file>", "YAML or JSON with limits, such as `ram: 64 KiB`")
      .option("--html <file>", "write a report with charts, one file")
      .option("--optimize <what>", "as for compile: speed, balanced or size", "balanced")
      .option("--fixed", "as for compile: exploit these weights; a new model is new firmware")
      .option("--single-slot", "parameters in one slot: half the flash, no undoing on the device")
      .addHelpText(
        "after",
        "\nExample:\n  mote profile digits-int8.onnx --target nrf52840 --budget mcu.yaml --html report.html",
      )
      .action(async (path: string, options: Options) => {
        const target = loadTarget(options.target);
        const budget = options.budget === undefined ? {} : await readBudget(options.budget);
        const graph = await readModel(path);
        const settings: ProfileOptions = {
          budget,
          singleSlot: options.singleSlot === true,
          compile: {
            optimize: oneOf("--optimize", options.optimize, OPTIMIZE),
            contract: options.fixed === true ? "fixed" : "updatable",
          },
        };
        const report = profileGraph(graph, target, settings);
        const ways = waysUnder(graph, target, settings, report);
        io.say(renderProfile(report, ways));
        io.json(profileDocument(report, ways));
        if (options.html !== undefined) {
          await writeFile(options.html, renderHtml(report, ways));
          io.say(`report: ${options.html}`);
        }
        if (!report.fits) {
          process.exitCode = EXIT.limitNotMet;
          process.stderr.write(`MOTE_LIMIT: over budget. ${report.over.map(describeOver).join(" ")}\n`);
        }
      });
  },
};
