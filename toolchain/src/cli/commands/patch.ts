import { readFile, rename, writeFile } from "node:fs/promises";
import { applyPatch, inspectPatch, toHex } from "@mote/protocol";
import { nodeSha256 } from "@mote/protocol/node";
import { FileError } from "../../errors.js";
import type { CliCommand, Io } from "../command.js";

interface Options {
  output: string;
}

export const command: CliCommand = {
  name: "patch",
  summary: "apply a patch as a device would, and check the result's digest",
  configure(command, io) {
    command
      .argument("<old>", "what the patch was made from (any file when its codec is full)")
      .argument("<patch>", "what mote diff wrote")
      .requiredOption("-o, --output <new>", "where to write the result")
      .addHelpText("after", "\nExample:\n  mote patch v1.onnx v1-v2.patch -o v2.onnx")
      .action((old: string, patch: string, options: Options) => patchFile(old, patch, options, io));
  },
};

async function patchFile(oldPath: string, patchPath: string, options: Options, io: Io): Promise<void> {
  const base = await read(oldPath);
  const patch = await read(patchPath);
  const header = inspectPatch(patch);
  const result = applyPatch(base, patch, { sha256: nodeSha256 });
  // Written beside and renamed, so that an interrupted run leaves no half file under the name.
  const partial = `${options.output}.partial`;
  try {
    await writeFile(partial, result);
    await rename(partial, options.output);
  } catch (cause) {
    throw new FileError({
      expected: `a place to write ${options.output}`,
      got: String(cause),
      todo: "Check the folder, its rights and the free space.",
      cause,
    });
  }
  const newSha256 = toHex(header.resultSha256);
  io.say(`${options.output}: ${result.length} B, SHA-256 ${newSha256}`);
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
    throw new FileError({ expected: `a file ${path}`, got: String(cause), todo: "Check the path.", cause });
  });
}
