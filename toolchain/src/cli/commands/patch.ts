import { readFile } from "node:fs/promises";
import { applyPatch, inspectPatch, toHex, whatCame } from "@mote/protocol";
import { nodeSha256 } from "@mote/protocol/node";
import { FileError, UsageError } from "../../errors.js";
import { writeWhole } from "../../whole-file.js";
import type { CliCommand, Io } from "../command.js";

interface Options {
  output?: string;
  inspect?: string;
}

export const command: CliCommand = {
  name: "patch",
  summary: "apply a patch as a device would, and check the result's digest",
  configure(command, io) {
    command
      .argument("[old]", "what the patch was made from (any file when its codec is full)")
      .argument("[patch]", "what mote diff wrote")
      .option("-o, --output <new>", "where to write the result")
      .option("--inspect <patch>", "only show what a patch says of itself; nothing is applied")
      .addHelpText(
        "after",
        "\nExamples:\n  mote patch v1.onnx v1-v2.patch -o v2.onnx\n  mote patch --inspect v1-v2.patch",
      )
      .action(async (old: string | undefined, patch: string | undefined, options: Options) => {
        if (options.inspect !== undefined) return inspect(options.inspect, io);
        if (old !== undefined && patch !== undefined && options.output !== undefined) {
          return patchFile(old, patch, options.output, io);
        }
        throw new UsageError({
          expected: "OLD PATCH -o NEW, or --inspect PATCH",
          got: [old, patch, options.output].filter((part) => part !== undefined).join(" ") || "nothing",
          todo: "See mote patch --help.",
        });
      });
  },
};

async function inspect(path: string, io: Io): Promise<void> {
  const patch = await read(path);
  const { codec, resultLength, baseDigest, resultDigest } = inspectPatch(patch);
  const hasBase = codec !== "full";
  io.json({
    codec,
    newBytes: resultLength,
    patchBytes: patch.length,
    // The first 8 digits of SHA-256: more a patch does not hold.
    oldDigest: hasBase ? toHex(baseDigest) : null,
    newDigest: toHex(resultDigest),
  });
  io.say(`${path}: ${codec}, ${patch.length} B`);
  if (hasBase) io.say(`from ${toHex(baseDigest)}…`);
  io.say(`to   ${toHex(resultDigest)}…, ${resultLength} B`);
}

async function patchFile(oldPath: string, patchPath: string, output: string, io: Io): Promise<void> {
  const base = await read(oldPath);
  const patch = await read(patchPath);
  const header = inspectPatch(patch);
  const result = applyPatch(base, patch, { sha256: nodeSha256 });
  await writeWhole(output, result);
  const newSha256 = toHex(nodeSha256(result));
  io.say(`${output}: ${result.length} B, SHA-256 ${newSha256}`);
  io.json({
    codec: header.codec,
    oldBytes: base.length,
    newBytes: result.length,
    patchBytes: patch.length,
    oldSha256: toHex(nodeSha256(base)),
    newSha256,
  });
}

function read(path: string): Promise<Uint8Array> {
  return readFile(path).catch((cause: unknown) => {
    throw new FileError({ expected: `a file ${path}`, got: whatCame(cause), todo: "Check the path.", cause });
  });
}
