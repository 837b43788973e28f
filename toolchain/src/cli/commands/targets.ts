import Table from "cli-table3";
import { loadTarget, TARGETS } from "../../targets/index.js";
import type { Fact, Target } from "../../targets/target.js";
import type { CliCommand } from "../command.js";

const KIB = 1024;

export const command: CliCommand = {
  name: "targets",
  summary: "the target data sheet, each fact with its source",
  configure(command, io) {
    command
      .argument("[target]", "one target; without it, all of them in a table")
      .addHelpText("after", "\nExample:\n  mote targets nrf52840")
      .action((id: string | undefined) => {
        if (id === undefined) {
          io.say(renderAll([...TARGETS.values()]));
          io.json([...TARGETS.values()]);
        } else {
          const target = loadTarget(id);
          io.say(renderSheet(target));
          io.json(target);
        }
      });
  },
};

function renderAll(targets: readonly Target[]): string {
  const table = new Table({
    head: ["target", "kind", "core", "MHz", "RAM KiB", "flash KiB", "what it is"],
    colAligns: ["left", "left", "left", "right", "right", "right", "left"],
    style: { head: [], border: [], compact: true },
  });
  for (const { id, kind, core, clockHz, ramBytes, flashBytes, title } of targets)
    table.push([
      id,
      kind,
      core,
      String(clockHz.value / 1e6),
      ramBytes === undefined ? "-" : String(Math.round(ramBytes.value / KIB)),
      flashBytes === undefined ? "-" : String(Math.round(flashBytes.value / KIB)),
      title,
    ]);
  return table.toString();
}

function renderSheet(target: Target): string {
  const lines = [`${target.id}: ${target.title}`, `core: ${target.core}`];
  for (const [name, fact] of Object.entries(target))
    if (isFact(fact)) lines.push(`${name}: ${fact.value}\n    ${fact.source}`);
  return lines.join("\n");
}

function isFact(value: unknown): value is Fact<number> {
  return typeof value === "object" && value !== null && "source" in value;
}
