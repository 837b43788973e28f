import { EXIT } from "@mote/protocol";
import type { AgentCommand } from "../command.js";
import { diagnose } from "../diagnose.js";

const MARKS = { ok: "ok     ", warning: "warning", failed: "FAILED " } as const;

export const command: AgentCommand = {
  name: "diagnose",
  summary: "look at everything this device needs, from the disk to the broker, and say what to do",
  configure(command, console) {
    command
      .requiredOption("--state <dir>", "the device's folder")
      .addHelpText(
        "after",
        "\nExit code 3 when something failed. Changes nothing on the device.\n\nExample:\n  mote-agent diagnose --state /var/lib/mote",
      )
      .action(async (options: { state: string }) => {
        const findings = await diagnose(options.state);
        for (const { name, verdict, detail, todo } of findings) {
          console.say(
            `${MARKS[verdict]}  ${name.padEnd(10)}  ${detail}${todo === "" ? "" : `\n${" ".repeat(21)}-> ${todo}`}`,
          );
        }
        console.json({ findings });
        if (findings.some((finding) => finding.verdict === "failed")) process.exitCode = EXIT.limitNotMet;
      });
  },
};
