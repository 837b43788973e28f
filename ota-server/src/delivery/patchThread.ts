import { parentPort } from "node:worker_threads";
import { makePatch } from "@mote/protocol/node";
import type { PatchAnswer, PatchJob } from "./patchWorker.js";

/** The thread's side of patchWorker.ts: one job in, one answer out. */
parentPort?.on("message", async (job: PatchJob) => {
  let answer: PatchAnswer;
  try {
    answer = { id: job.id, patch: await makePatch(job.codec, job.base, job.target, job.layouts) };
  } catch (error) {
    answer = { id: job.id, error: error instanceof Error ? error.message : String(error) };
  }
  parentPort?.postMessage(answer);
});
