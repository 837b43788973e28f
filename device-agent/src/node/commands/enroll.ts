import type { AgentCommand } from "../command.js";
import { enroll } from "../enroll.js";
import { tag } from "../options.js";
import { serverAddress } from "../transport.js";

interface Options {
  server: string;
  token: string;
  root: string;
  state: string;
  id: string;
  hardware: string;
  tag?: Record<string, string>;
}

export const command: AgentCommand = {
  name: "enroll",
  summary: "make this device's key, pin the root and trade a one-time token for an identity",
  configure(command, console) {
    command
      .requiredOption(
        "--server <url>",
        "address of the server: https://…, or of its broker (mqtts://…, wss://…) where HTTP does not pass",
        serverAddress,
      )
      .requiredOption("--token <token>", "one-time enrolment token")
      .requiredOption(
        "--root <file>",
        "trusted root metadata, brought by hand and never fetched from the server",
      )
      .requiredOption("--state <dir>", "folder for what this device must remember")
      .requiredOption("--id <id>", "name of this device: lower case, digits, . _ -")
      .requiredOption("--hardware <class>", "hardware class, as in the bundles' variants")
      .option("--tag <name=value>", "a fact that rollouts may select by; may be repeated", tag)
      .addHelpText(
        "after",
        `
Example:
  mote-agent enroll --server https://fleet.example.org --token 4f9c… --root root.json \\
      --state /var/lib/mote --id meter-0017 --hardware camera-gateway --tag site=hall-3`,
      )
      .action(async (options: Options) => {
        const { identity, isRootSeen } = await enroll({
          folder: options.state,
          serverUrl: options.server,
          token: options.token,
          rootFile: options.root,
          deviceId: options.id,
          hardware: options.hardware,
          tags: options.tag ?? {},
        });
        console.say(
          `${identity.deviceId} is enrolled for ${identity.product} at ${identity.serverUrl}. Next: mote-agent run --state ${options.state} --sensor FILE`,
        );
        if (!isRootSeen) {
          console.say(
            "The server has published no root yet, so it can't be told whether it is of the same fleet: mote-agent diagnose tells as soon as it has.",
          );
        }
        console.json(identity);
      });
  },
};
