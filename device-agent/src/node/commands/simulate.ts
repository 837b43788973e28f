import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { whatCame } from "@mote/protocol";
import { AgentUsageError } from "../../errors.js";
import { runAgent } from "../assemble.js";
import type { AgentCommand } from "../command.js";
import { enroll } from "../enroll.js";
import { identityDocument } from "../home.js";
import { startInferenceEngine } from "../inference-engine.js";
import { positiveInteger } from "../options.js";
import { openRecording } from "../recording.js";
import { addRunOptions, agentOptions, type RunOptions, untilSignalled } from "../run-options.js";
import { serverAddress } from "../transport.js";

interface Options extends RunOptions {
  server: string;
  root: string;
  tokens: string;
  count: number;
  hardware: string;
  state: string;
  idPrefix: string;
}

export const command: AgentCommand = {
  name: "simulate",
  summary: "run many devices in one process, with one inference worker between them",
  configure(command, console) {
    addRunOptions(
      command
        .requiredOption("--server <url>", "address of the server", serverAddress)
        .requiredOption("--root <file>", "trusted root metadata, brought by hand")
        .requiredOption("--tokens <file>", "enrolment tokens, one a line; used by devices that are new")
        .requiredOption("--count <n>", "number of devices", positiveInteger)
        .requiredOption("--hardware <class>", "hardware class of all of them")
        .requiredOption("--state <dir>", "folder for the devices' folders")
        .option("--id-prefix <text>", "devices are named PREFIX-01, PREFIX-02, …", "sim"),
    )
      .addHelpText(
        "after",
        `
Every device is a whole agent: its own key, state, MQTT connection and place in the recording.

Example:
  mote-agent simulate --server http://127.0.0.1:8080 --root root.json --tokens tokens.txt \\
      --count 20 --hardware camera-gateway --state ./fleet --sensor digits.npz`,
      )
      .action(async (options: Options) => {
        const recording = await openRecording(options.sensor);
        const ids = Array.from(
          { length: options.count },
          (_, i) => `${options.idPrefix}-${String(i + 1).padStart(2, "0")}`,
        );
        await enrollMissing(ids, options);
        const engine = startInferenceEngine();
        const signal = untilSignalled();
        try {
          await Promise.all(
            ids.map((id, i) =>
              runAgent(
                {
                  folder: join(options.state, id),
                  engine,
                  // Spread over the recording, so that no two devices see the same stream.
                  sensor: recording.sensor(Math.floor((i * recording.count) / ids.length)),
                  log: (entry) => console.log(id, entry),
                  ...agentOptions(options),
                },
                signal,
              ),
            ),
          );
        } finally {
          await engine.stop();
        }
      });
  },
};

async function enrollMissing(ids: readonly string[], options: Options): Promise<void> {
  const missing: string[] = [];
  for (const id of ids) {
    if ((await identityDocument(join(options.state, id)).load()) === null) missing.push(id);
  }
  if (missing.length === 0) return;
  const tokens = await readTokens(options.tokens);
  if (tokens.length < missing.length) {
    throw new AgentUsageError({
      expected: `${missing.length} tokens in ${options.tokens}, one a line`,
      got: `${tokens.length}`,
      todo: "Have the server make more enrolment tokens.",
    });
  }
  for (const [i, deviceId] of missing.entries()) {
    await enroll({
      folder: join(options.state, deviceId),
      serverUrl: options.server,
      token: tokens[i]!,
      rootFile: options.root,
      deviceId,
      hardware: options.hardware,
      tags: { simulated: "yes" },
    });
  }
}

async function readTokens(path: string): Promise<string[]> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new AgentUsageError({
      expected: "a file of enrolment tokens for --tokens",
      got: whatCame(cause),
      todo: "Name a text file with one token a line.",
      cause,
    });
  });
  return text.split(/\s+/).filter((line) => line !== "");
}
