import { readFileSync } from "node:fs";
import { open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { AgentStateError } from "../errors.js";
import { isCode } from "./durable-file.js";

/**
 * One agent per state folder: two would write over each other. The lock names its process together with that process's
 * birth, so that neither a crash nor a power cut nor a reused process number keeps a device from starting.
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const path = lockPath(folder);
  const mine = `${process.pid} ${birthOf(process.pid)}`;
  for (let attempt = 0; ; attempt++) {
    try {
      const file = await open(path, "wx", 0o600);
      await file.writeFile(mine);
      await file.close();
      return () => rm(path, { force: true });
    } catch (error) {
      if (!isCode(error, "EEXIST")) throw error;
      const holder = await holderOf(folder);
      if (attempt > 2 || holder !== null) {
        throw new AgentStateError({
          expected: `nobody else to use ${folder}`,
          got: `the agent of process ${holder}`,
          todo: "Stop that agent first, or give this one a state folder of its own.",
        });
      }
      await rm(path, { force: true });
    }
  }
}

/** Process number of the agent that uses this folder now; null when there is none. */
export async function holderOf(folder: string): Promise<number | null> {
  const text = await readFile(lockPath(folder), "utf8").catch(() => "");
  const pid = Number(text.split(" ")[0]);
  return pid > 0 && text === `${pid} ${birthOf(pid)}` ? pid : null;
}

function lockPath(folder: string): string {
  return join(folder, "agent.lock");
}

/** Boot and start time of a process; "gone" when there is none. */
function birthOf(pid: number): string {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the program's name in parentheses and may contain spaces; start time is field 22.
    return `${boot} ${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]}`;
  } catch {
    return isAlive(pid) ? "alive" : "gone";
  }
}

/** Without /proc (macOS), the number alone must do. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isCode(error, "EPERM");
  }
}
