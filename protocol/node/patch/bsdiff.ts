import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { applyPatch, encodePatchHeader, equalBytes } from "../../src/index.js";
import { nodeSha256 } from "../crypto.js";

/**
 * bsdiff-node is native, optional and fragile (it may crash, or leak a descriptor): it runs in a process of its own, one
 * at a time, on files that we wrote, and what it made counts only after our own code has applied it.
 */

export const BSDIFF_LIMITS = {
  /** Bytes of either file; suffix sorting takes about 17 times as much memory. */
  maxFileBytes: 16 * 1024 * 1024,
  timeoutMs: 120_000,
} as const;

const CHILD = `require(process.argv[1]).diff(...process.argv.slice(2)).then(
  () => process.exit(0),
  (error) => { console.error(String(error)); process.exit(1); },
);`;

/** Why the codec is not offered on this machine, as a sentence for a log; null when it is. */
export function bsdiffAbsence(): string | null {
  return findBsdiff() === null
    ? "The optional package bsdiff-node is not installed: patches of the codec bsdiff are not made; full and tensor are."
    : null;
}

function findBsdiff(): string | null {
  try {
    const path = createRequire(import.meta.url).resolve("bsdiff-node");
    createRequire(path).resolve("./build/Release/bsdiff.node");
    return path;
  } catch {
    // Not installed, or installed without its compiled part.
    return null;
  }
}

let last: Promise<unknown> = Promise.resolve();

/** Null when bsdiff-node is absent, fails, makes a wrong patch, or a file is too large for it. */
export function makeBsdiffPatch(base: Uint8Array, next: Uint8Array): Promise<Uint8Array | null> {
  const made = last.then(() => makeOne(base, next));
  last = made.catch(() => null);
  return made;
}

async function makeOne(base: Uint8Array, next: Uint8Array): Promise<Uint8Array | null> {
  const library = findBsdiff();
  if (library === null || Math.max(base.length, next.length) > BSDIFF_LIMITS.maxFileBytes) return null;
  const folder = await mkdtemp(join(tmpdir(), "mote-bsdiff-"));
  try {
    const [oldFile, newFile, patchFile] = ["old", "new", "patch"].map((name) => join(folder, name));
    await writeFile(oldFile!, base);
    await writeFile(newFile!, next);
    if (!(await runChild([library, oldFile!, newFile!, patchFile!]))) return null;
    return wrap(base, next, await readFile(patchFile!));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function runChild(args: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ["-e", CHILD, ...args], {
      stdio: "ignore",
      timeout: BSDIFF_LIMITS.timeoutMs,
      killSignal: "SIGKILL",
      env: {},
    });
    child.once("error", () => resolve(false));
    child.once("exit", (code) => resolve(code === 0));
  });
}

function wrap(base: Uint8Array, next: Uint8Array, payload: Uint8Array): Uint8Array | null {
  const header = encodePatchHeader({
    codec: "bsdiff",
    resultLength: next.length,
    baseDigest: nodeSha256(base),
    resultDigest: nodeSha256(next),
  });
  const patch = new Uint8Array(header.length + payload.length);
  patch.set(header);
  patch.set(payload, header.length);
  try {
    return equalBytes(applyPatch(base, patch, { sha256: nodeSha256 }), next) ? patch : null;
  } catch {
    // It resolved with a broken patch; the other codecs serve.
    return null;
  }
}
