import { spawn } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { BuildError, MissingToolError } from "../../errors.js";
import type { CoreBuild } from "../../targets/cores.js";

/** A build or an emulation that takes longer than this has hung. */
const TIMEOUT_MS = 600_000;
/** Characters of a failed tool's last output that the error carries. */
const KEPT_OUTPUT = 2000;

export async function hasProgram(name: string): Promise<boolean> {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    try {
      await access(join(folder, name), constants.X_OK);
      return true;
    } catch {
      // Not in this folder.
    }
  }
  return false;
}

/** Throws MissingToolError that says what to install. */
export async function requirePrograms(names: readonly string[], build: CoreBuild): Promise<void> {
  const missing: string[] = [];
  for (const name of names) if (!(await hasProgram(name))) missing.push(name);
  if (missing.length > 0)
    throw new MissingToolError({
      expected: `${names.join(" and ")} on the PATH to build and run`,
      got: `no ${missing.join(", no ")}`,
      todo: `Install them (Debian, Ubuntu: apt-get install ${build.packages}), or compile without --run.`,
    });
}

/** Runs a program to its end and returns what it printed. Throws BuildError when it fails. */
export function runProgram(program: string, args: readonly string[], folder: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: TIMEOUT_MS,
      env: { ...process.env, LC_ALL: "C" },
    });
    let out = "";
    let err = "";
    child.stdout.on("data", (chunk) => {
      out += chunk;
    });
    child.stderr.on("data", (chunk) => {
      err += chunk;
    });
    child.on("error", (cause) => {
      reject(
        new BuildError({
          expected: `${program} to start`,
          got: cause.message,
          todo: "Check that it is installed and runs.",
          cause,
        }),
      );
    });
    child.on("close", (code, signal) => {
      if (code === 0) resolve(out);
      else
        reject(
          new BuildError({
            expected: `${program} ${args.join(" ")} to succeed in ${folder}`,
            got: `${signal ?? `exit code ${code}`}: ${(err || out).slice(-KEPT_OUTPUT)}`,
            todo: "If the sources were not changed by hand, report this with these lines.",
          }),
        );
    });
  });
}
