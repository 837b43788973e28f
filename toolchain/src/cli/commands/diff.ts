import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  architectureOf,
  findTensorRanges,
  PARAMS_LAYOUT_FILE,
  PATCH_CODECS,
  PATCH_LIMITS,
  type ParamsLayout,
  type PatchCodec,
  parseParamsLayout,
  toHex,
  whatCame,
} from "@mote/protocol";
import { bsdiffAbsence, makePatches, nodeSha256 } from "@mote/protocol/node";
import { FileError, LimitError } from "../../errors.js";
import { writeWhole } from "../../whole-file.js";
import type { CliCommand, Io } from "../command.js";
import { oneOf } from "../options.js";

interface Options {
  output: string;
  codec: string;
  layout: string[];
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
      .option(
        "--layout <file...>",
        `of a params.bin: the ${PARAMS_LAYOUT_FILE} of \`mote compile\` (found by itself beside OLD or NEW)`,
        [],
      )
      .addHelpText(
        "after",
        "\nExamples:\n  mote diff v1.onnx v2.onnx -o v1-v2.patch\n  mote diff v1/params.bin v2/params.bin -o v1-v2.patch",
      )
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
  const layouts = await readLayouts(oldPath, newPath, options.layout);
  if (architectureOf(next) !== null && findTensorRanges(next, layouts).length === 0) {
    process.stderr.write(
      `No layout of ${newPath}: the patch will be larger than it need be. Keep ${PARAMS_LAYOUT_FILE} beside it, or give --layout.\n`,
    );
  }
  const made = await makePatches(base, next, wanted, layouts);
  const smallest = made[0];
  if (smallest === undefined) {
    throw new LimitError({
      expected: `a patch of the codec ${codec} that is no larger than the new file compressed`,
      got: absence === null ? "none" : "no bsdiff on this machine",
      todo: "Leave --codec away to get the smallest patch.",
    });
  }
  await writeWhole(options.output, smallest.patch);
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

/** Those named, and those that lie beside either file. */
async function readLayouts(
  oldPath: string,
  newPath: string,
  named: readonly string[],
): Promise<ParamsLayout[]> {
  const beside = [oldPath, newPath].map((path) => join(dirname(path), PARAMS_LAYOUT_FILE));
  const paths = new Set([...named, ...beside.filter((path) => existsSync(path))]);
  return Promise.all([...paths].map(async (path) => parseParamsLayout(await readText(path))));
}

async function readText(path: string): Promise<string> {
  return readFile(path, "utf8").catch((cause: unknown) => {
    throw new FileError({
      expected: `a layout ${path}`,
      got: whatCame(cause),
      todo: "Check the path.",
      cause,
    });
  });
}

async function readArtifact(path: string): Promise<Uint8Array> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new FileError({ expected: `a file ${path}`, got: whatCame(cause), todo: "Check the path.", cause });
  });
  if (bytes.length > 0 && bytes.length <= PATCH_LIMITS.maxResultBytes) return bytes;
  throw new FileError({
    expected: `an artifact of 1 to ${PATCH_LIMITS.maxResultBytes} B in ${path}`,
    got: `${bytes.length} B`,
    todo: "Name a model or a params.bin.",
  });
}
