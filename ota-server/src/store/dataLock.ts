import { closeSync, openSync, readFileSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import { StoreError } from "../errors.js";

/**
 * One server per data folder. The lock is a file with the owner's process id: a lock whose owner is gone (SIGKILL,
 * power cut) is taken over.
 *
 * @returns the function that gives the lock back.
 * @throws StoreError while another living process holds it.
 */
export function lockDataFolder(folder: string): () => void {
  const file = join(folder, "server.lock");
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const fd = openSync(file, "wx", 0o600);
      writeSync(fd, `${process.pid}\n`);
      closeSync(fd);
      return () => unlinkSync(file);
    } catch (cause) {
      if (!(cause instanceof Error && "code" in cause && cause.code === "EEXIST"))
        throw notWritable(folder, cause);
      const owner = Number.parseInt(readFileSync(file, "utf8"), 10);
      if (Number.isInteger(owner) && owner !== process.pid && isAlive(owner)) {
        throw new StoreError({
          expected: `the data folder ${folder} for this server alone`,
          got: `process ${owner} using it`,
          todo: "Stop that server, or give this one another --data folder.",
          cause,
        });
      }
      unlinkSync(file);
    }
  }
  throw notWritable(folder, null);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

function notWritable(folder: string, cause: unknown): StoreError {
  return new StoreError({
    expected: `a data folder that this user may write: ${folder}`,
    got: cause instanceof Error ? cause.message : "a lock that keeps coming back",
    todo: "Check the folder's owner and the free space.",
    cause,
  });
}
