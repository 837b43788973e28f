import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { makeTensorPatch } from "@mote/protocol";
import { nodeSha256 } from "@mote/protocol/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Bench } from "../testing/bench.js";
import { tinyRelease } from "../testing/tiny-release.js";
import { startInferenceEngine, type WorkerEngine } from "./inference-engine.js";

/** The real process, killed where nobody can prepare for it. */

const MAIN = fileURLToPath(new URL("../../dist/node/main.js", import.meta.url));
const KILLS = process.env["MOTE_FULL"] === undefined ? 4 : 60;
/** Milliseconds of a whole update in these conditions: kills fall anywhere in it. */
const SPREAD_MS = 2500;

let engine: WorkerEngine;
let bench: Bench;
beforeAll(async () => {
  engine = startInferenceEngine();
  bench = await Bench.open(engine);
});
afterAll(async () => {
  await bench.close();
  await engine.stop();
});

function startAgent(): ChildProcess {
  return spawn(
    process.execPath,
    [
      MAIN,
      "run",
      "--state",
      bench.stateDir,
      "--sensor",
      bench.sensorFile,
      "--rate-hz",
      "50",
      "--window-s",
      "0.2",
      // Slow flash: the slot is being written when many of the kills fall.
      "--write-kib-s",
      "4",
      "--json",
    ],
    { stdio: "ignore" },
  );
}

async function kill(agent: ChildProcess): Promise<void> {
  const gone = once(agent, "exit");
  agent.kill("SIGKILL");
  await gone;
}

describe("an agent that is killed at any moment of an update", () => {
  it(`comes back and finishes it, ${KILLS} times`, { timeout: 60_000 + KILLS * 20_000 }, async () => {
    let held = tinyRelease({ sequence: 1 });
    bench.server.publish(held);
    bench.server.offerWhole(held);
    let agent = startAgent();
    await bench.reported("confirmed", 1);
    for (let round = 0; round < KILLS; round++) {
      const next = tinyRelease({ sequence: round + 2 });
      bench.server.publish(next);
      const patch = makeTensorPatch(held.model, next.model, { sha256: nodeSha256 });
      bench.server.offer = bench.server.offerOf(next, [
        bench.server.route("tensor", patch, held.artifactSha256),
        bench.server.route("full", next.model),
      ]);
      // A low-discrepancy sequence instead of dice: the kills cover the update evenly, run for run.
      await new Promise((resolve) => setTimeout(resolve, ((round * 0.618) % 1) * SPREAD_MS));
      await kill(agent);
      agent = startAgent();
      const report = await bench.reported("confirmed", next.manifest.sequence);
      expect(report).toMatchObject({ code: "ok", runningSequence: next.manifest.sequence });
      held = next;
    }
    await kill(agent);
    // Nobody's report came twice under two ids, and none is missing its end.
    const ends = bench.server.reportsOf(Bench.deviceId).filter(({ phase }) => phase === "confirmed");
    expect(new Set(ends.map(({ targetSequence }) => targetSequence)).size).toBe(KILLS + 1);
    expect(ends).toHaveLength(KILLS + 1);
  });
});
