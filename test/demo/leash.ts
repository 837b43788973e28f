import { Socket } from "node:net";
import { isMainThread } from "node:worker_threads";

/**
 * Preloaded (`node --import`) into every process that the demo starts: when the demo is gone, however it went, the
 * child's stdin closes and the child stops. So even `kill -9` of the demo leaves nothing running.
 */
const GRACE_MS = 3000;

// Workers and grandchildren inherit the preload; they end with the process that holds the leash.
if (isMainThread && process.ppid === Number(process.env["MOTE_DEMO_PID"])) {
  process.stdin.resume();
  process.stdin.on("end", stop);
  process.stdin.on("error", stop);
  // The leash alone must not keep a finished process alive.
  if (process.stdin instanceof Socket) process.stdin.unref();
}

function stop(): void {
  setTimeout(() => process.exit(1), GRACE_MS).unref();
  process.kill(process.pid, "SIGTERM");
}
