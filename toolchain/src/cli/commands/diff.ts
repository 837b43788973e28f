import { readFile, writeFile } from "node:fs/promises";
import { PATCH_CODECS, PATCH_LIMITS, type PatchCodec, toHex } from "@mote/protocol";
import { bsdiffAbsence, makePatches, nodeSha256 } from "@mote/protocol/node";
import { FileError, LimitError } from "../../errors.js";
import type { CliCommand, Io } from "../command.js";
import { oneOf } from "../options.js";

interface Options {
  output: string;
  codec: string;
}

export const command: CliCommand = {
  name: "diff",
  summary: "the smallest patch from one artifact to another, any files: .onnx, .tflite, params.bin",
  configure(command, io) {
    command
      .argument("<old>", "what the device holds")
      .argument("<new>", "what it should hold")
      .requiredOption("-o, --output <patch>", "where to write the patch")
      .option("--codec <codec>", "smallest, full, tensor or bsdiff", "smallest")
      .addHelpText("after", "\nExample:\n  mote diff v1.onnx v2.onnx -o v1-v2.patch")
      .action((old: string, next: string, options: Options) => diff(old, next, options, io));
  },
};

async function diff(oldPath: string, newPath: string, options: Options, io: Io): Promise<void> {
  const codec = oneOf("--codec", options.codec, ["smallest", ...PATCH_CODECS] as const);
  const base = await readArtifact(oldPath);
  const next = await readArtifact(newPath);
  const wanted: readonly PatchCodec[] = codec === "smallest" ? PATCH_CODECS : [codec];
  const absence = wanted.includes("bsdiff") ? bsdiffAbsence() : null;
  if (absence !== null) process.stderr.write(`${absence}\n`);
  const made = await makePatches(base, next, wanted);
  const smallest = made[0];
  if (smallest === undefined) {
    throw new LimitError({
      expected: `a patch of the codec ${codec} that is no larger than the new file compressed`,
      got: absence === null ? "none" : "no bsdiff on this machine",
      todo: "Leave --codec away to get the smallest patch.",
    });
  }
  await writeFile(options.output, smallest.patch).catch((cause: unknown) => {
    throw new FileError({
      expected: `a place to write ${options.output}`,
      got: String(cause),
      todo: "Check the folder, its rights and the free space.",
      cause,
    });
  });
  const percent = ((100 * smallest.patch.length) / next.length).toFixed(1);
  io.say(
    `${options.output}: ${smallest.codec}, ${smallest.patch.length} B, ${percent} % of ${next.length} B`,
  );
  for (const other of made.slice(1)) io.say(`  (${other.codec} would take ${other.patch.length} B)`);
  io.json({
    codec: smallest.codec,
    oldBytes: base.length,
    newBytes: next.length,
    patchBytes: smallest.patch.length,
    oldSha256: toHex(nodeSha256(base)),
    newSha256: toHex(nodeSha256(next)),
    tried: Object.fromEntries(made.map((patch) => [patch.codec, patch.patch.length])),
  });
}

async function readArtifact(path: string): Promise<Uint8Array> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new FileError({ expected: `a file ${path}`, got: String(cause), todo: "Check the path.", cause });
  });
  if (bytes.length > 0 && bytes.length <= PATCH_LIMITS.maxResultBytes) return bytes;
  throw new FileError({
    expected: `an artifact of 1 to ${PATCH_LIMITS.maxResultBytes} B in ${path}`,
    got: `${bytes.length} B`,
    todo: "Name a model or a params.bin.",
  });
}
