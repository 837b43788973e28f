import { rmSync } from "node:fs";
import { Socket } from "node:net";
import { isMainThread } from "node:worker_threads";
import { LEASH_FOLDER, LEASH_PID } from "./leash-names.js";

/**
 * Preloaded (`node --import`) into every program that a rehearsal starts: when the rehearsal is gone, however it went,
 * the child's stdin closes, the child stops, and the rehearsal's folder goes. So even `kill -9` leaves nothing behind.
 */
const GRACE_MS = 3000;

// Workers and grandchildren inherit the preload; they end with the process that holds the leash.
if (isMainThread && process.ppid === Number(process.env[LEASH_PID])) {
  process.stdin.resume();
  process.stdin.on("end", stop);
  process.stdin.on("error", stop);
  // The leash alone must not keep a finished process alive.
  if (process.stdin instanceof Socket) process.stdin.unref();
}

function stop(): void {
  const folder = process.env[LEASH_FOLDER];
  const clean = () => {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  };
  process.once("exit", clean);
  setTimeout(() => process.exit(1), GRACE_MS).unref();
  process.kill(process.pid, "SIGTERM");
}
