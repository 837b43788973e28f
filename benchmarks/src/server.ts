import { spawnSync } from "node:child_process";
import { join } from "node:path";

/**
 * Both halves of what is asked of the server, one after the other, each in a process of its own: its doors under load,
 * and its store with a large fleet. What is given (`--devices N`) goes to both; the second runs whatever becomes of the
 * first.
 */
const failed = ["server-load.js", "server-store.js"].filter((half) => {
  const program = join(import.meta.dirname, half);
  return spawnSync(process.execPath, [program, ...process.argv.slice(2)], { stdio: "inherit" }).status !== 0;
});
if (failed.length > 0) {
  process.stderr.write(`not measured to the end: ${failed.join(", ")}\n`);
  process.exitCode = 1;
}
