import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { optionsOf, PARTS } from "./server-parts.js";

/**
 * Both halves of what is asked of the server, one after the other, each in a process of its own: its doors under load,
 * and its store with a large fleet. What is given (`--devices N`) goes to both; the second runs whatever becomes of the
 * first. `--only NAME` runs one part alone (server-parts.ts).
 */
const args = process.argv.slice(2);
const { only } = optionsOf(args, 1);
const halves = Object.entries(PARTS).filter(
  ([, names]) => only === null || names.some((name) => name === only),
);
const failed = halves
  .map(([half]) => half)
  .filter((half) => {
    const program = join(import.meta.dirname, half);
    return spawnSync(process.execPath, [program, ...args], { stdio: "inherit" }).status !== 0;
  });
if (failed.length > 0) {
  process.stderr.write(`not measured to the end: ${failed.join(", ")}\n`);
  process.exitCode = 1;
}
