import { spawn } from "node:child_process";
import { rm, stat } from "node:fs/promises";
import { resolve } from "node:path";

/**
 * The programs that people use for this today, at their strongest settings: from Debian's packages, and from PyPI
 * (`pip install detools hdiffpatch`; MOTE_DELTA_PYTHON names the interpreter that has them).
 */

const PYTHON = process.env["MOTE_DELTA_PYTHON"] ?? "python3";
const SCRIPT = resolve(import.meta.dirname, "../src/delta-peer.py");

export interface Peer {
  /** "… alone" compresses the new file without the old one. */
  readonly name: string;
  readonly program: string;
  readonly args: (oldFile: string, newFile: string, patch: string) => string[];
}

export const PEERS: readonly Peer[] = [
  { name: "bsdiff", program: "bsdiff", args: (oldFile, newFile, patch) => [oldFile, newFile, patch] },
  {
    name: "xdelta3",
    program: "xdelta3",
    args: (oldFile, newFile, patch) => ["-e", "-9", "-S", "lzma", "-f", "-s", oldFile, newFile, patch],
  },
  {
    name: "zstd patch",
    program: "zstd",
    args: (oldFile, newFile, patch) => [
      "--ultra",
      "-22",
      "-q",
      "-f",
      "--single-thread",
      `--patch-from=${oldFile}`,
      newFile,
      "-o",
      patch,
    ],
  },
  ...["HDiffPatch", "detools"].map((name) => ({
    name,
    program: PYTHON,
    args: (oldFile: string, newFile: string, patch: string) => [SCRIPT, name, oldFile, newFile, patch],
  })),
  {
    name: "zstd alone",
    program: "zstd",
    args: (_oldFile, newFile, patch) => ["--ultra", "-22", "-q", "-f", newFile, "-o", patch],
  },
  {
    name: "xz alone",
    program: "sh",
    args: (_oldFile, newFile, patch) => ["-c", 'xz -9e -c "$0" > "$1"', newFile, patch],
  },
];

/** Size of what the peer makes; null where it is not installed or fails. */
export async function peerBytes(
  peer: Peer,
  oldFile: string,
  newFile: string,
  patch: string,
): Promise<number | null> {
  await rm(patch, { force: true });
  const isDone = await new Promise<boolean>((resolve) => {
    const child = spawn(peer.program, peer.args(oldFile, newFile, patch), { stdio: "ignore" });
    child.once("error", () => resolve(false));
    child.once("exit", (code) => resolve(code === 0));
  });
  return isDone ? (await stat(patch)).size : null;
}
