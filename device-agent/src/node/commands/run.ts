import { Option } from "commander";
import { runAgent } from "../assemble.js";
import type { AgentCommand } from "../command.js";
import { loadIdentity } from "../home.js";
import { startInferenceEngine } from "../inference-engine.js";
import { openRecording } from "../recording.js";
import { addRunOptions, agentOptions, type RunOptions, untilSignalled } from "../run-options.js";
import { serverAddress, TRANSPORTS, type Transport } from "../transport.js";

interface Options extends RunOptions {
  state: string;
  server?: string;
  transport?: Transport;
}

export const command: AgentCommand = {
  name: "run",
  summary: "run the device: inference, telemetry, updates",
  configure(command, console) {
    addRunOptions(command.requiredOption("--state <dir>", "the device's folder (see enroll)"))
      .option("--server <url>", "fetch from here instead (a gateway or a cache on the way)", serverAddress)
      .addOption(
        new Option(
          "--transport <way>",
          "http: updates over HTTP; mqtt: everything over MQTT (default: as the server's address says)",
        ).choices(TRANSPORTS),
      )
      .addHelpText(
        "after",
        `
Prints one line per event; with --json one JSON object per line: {time, device, event, …}.
"event":"state" tells each state of the update before its work begins.

Example:
  mote-agent run --state /var/lib/mote --sensor digits.npz --window-s 60 --rate-hz 2
  mote-agent run --state /var/lib/mote --sensor digits.npz --transport mqtt      # where HTTP does not pass`,
      )
      .action(async (options: Options) => {
        const { deviceId } = await loadIdentity(options.state);
        const recording = await openRecording(options.sensor);
        const engine = startInferenceEngine();
        try {
          await runAgent(
            {
              folder: options.state,
              engine,
              sensor: recording.sensor(0),
              log: (entry) => console.log(deviceId, entry),
              ...agentOptions(options),
              ...(options.server === undefined ? {} : { serverUrl: options.server }),
              ...(options.transport === undefined ? {} : { transport: options.transport }),
            },
            untilSignalled(),
          );
        } finally {
          await engine.stop();
        }
      });
  },
};
