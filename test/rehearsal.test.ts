import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { knownByServer } from "@mote/toolchain/rehearse/known";
import { behaviourOf, rehearsedBundle } from "@mote/toolchain/rehearse/releases";
import { Stage } from "@mote/toolchain/rehearse/stage";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

/** `mote rollout rehearse` as a stranger types it: real processes, the real protocol, and nothing left afterwards. */

const MOTE = fileURLToPath(new URL("../toolchain/dist/cli/main.js", import.meta.url));
const PLAN = `
product: digits
version: 2.0.0
waves:
  - { name: canary, share: 0.4, soakS: 300 }
  - { name: everybody, share: 1, soakS: 0, approvals: 2 }
gates: { maxFailureShare: 0.2, telemetry: [{ metric: confidence, margin: 0.05 }, { metric: errorRate, margin: 0.05 }] }
onFailure: rollback-fleet
`;

interface Run {
  readonly code: number | null;
  readonly stderr: string;
  readonly document: {
    readonly outcome: string;
    readonly devices: number;
    readonly eligible: number;
    readonly exposedAtStop: number;
    readonly faults: Record<string, number>;
    readonly timeline: readonly { readonly kind: string; readonly text: string }[];
  };
}

let work: string;

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "mote-test-rehearsal-"));
  await writeFile(join(work, "plan.yaml"), PLAN);
});

afterAll(async () => {
  await rm(work, { recursive: true, force: true });
});

function start(args: readonly string[], env: Record<string, string> = {}) {
  // Temporary files in a folder of the test's own, so that what is left behind is seen.
  return spawn(process.execPath, [MOTE, "rollout", "rehearse", "--plan", join(work, "plan.yaml"), ...args], {
    env: { ...process.env, TMPDIR: work, MOTE_SERVER: "", ...env },
  });
}

async function rehearse(args: readonly string[], env: Record<string, string> = {}): Promise<Run> {
  const child = start([...args, "--json"], env);
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, stderr, document: firstDocument(stdout) };
}

/** A failed run prints its error after the document. */
function firstDocument(stdout: string): Run["document"] {
  return JSON.parse(stdout.split(/^}\n/m)[0] === "" ? "{}" : `${stdout.split(/^}\n/m)[0]}}`);
}

const leftBehind = () => readdirSync(work).filter((name) => name.startsWith("mote-rehearsal-"));

describe("a rehearsal", () => {
  test("of a release that is as good ends completed, and asks people where the plan does", async () => {
    const { code, document, stderr } = await rehearse(["--devices", "30", "--expect", "completed"]);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(document).toMatchObject({ outcome: "completed", devices: 30, eligible: 30, exposedAtStop: 30 });
    const questions = document.timeline.filter(({ kind }) => kind === "question");
    expect(questions.map(({ text }) => text).join()).toMatch(/waits for 2 approvals/);
    expect(leftBehind()).toEqual([]);
  }, 300_000);

  test("of one that is worse stops at the canary, against what was expected", async () => {
    const args = [
      "--devices",
      "30",
      "--worse",
      "confidence:0.2",
      "--fail",
      "link:1",
      "--expect",
      "completed",
    ];
    const { code, document, stderr } = await rehearse(args);
    expect(code).toBe(3);
    expect(stderr).toMatch(
      /MOTE_LIMIT.*expected the rehearsal to end completed|MOTE_LIMIT: Expected the rehearsal/s,
    );
    expect(document).toMatchObject({ outcome: "rolled-back", exposedAtStop: 12, faults: { link: 1 } });
    expect(document.timeline.map(({ text }) => text).join("\n")).toMatch(
      /gate "confidence" stopped wave "canary"/,
    );
    expect(leftBehind()).toEqual([]);
  }, 300_000);

  test("of a shadow that disagrees stops it before anybody was served by it", async () => {
    await writeFile(
      join(work, "shadow.yaml"),
      `${PLAN}strategy: shadow\nshadowShare: 0.5\n`.replace(/^gates:.*$/m, ""),
    );
    const args = ["--plan", join(work, "shadow.yaml"), "--devices", "30", "--worse", "agreement:0.3"];
    const { code, document } = await rehearse([...args, "--expect", "rolled-back"]);
    expect(code).toBe(0);
    expect(document).toMatchObject({ outcome: "rolled-back", exposedAtStop: 0 });
    expect(document.timeline.map(({ text }) => text).join("\n")).toMatch(
      /gate "agreement" stopped wave "canary": worse: \d+\.\d points of disagreement/,
    );
  }, 300_000);

  test("that is interrupted ends its programs and leaves nothing behind", async () => {
    const child = start(["--devices", "10"]);
    let said = "";
    await new Promise<void>((resolve) => {
      child.stdout.on("data", (chunk) => {
        said += chunk;
        if (said.includes("opens wave")) resolve();
      });
      child.on("close", () => resolve());
    });
    expect(leftBehind()).toHaveLength(1);
    child.kill("SIGINT");
    const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
    expect(code).toBe(1);
    expect(leftBehind()).toEqual([]);
  }, 300_000);

  test("that is killed takes its programs and its folder along", async () => {
    const child = start(["--devices", "5"]);
    await new Promise<void>((resolve) => {
      child.stdout.on("data", (chunk) => {
        if (String(chunk).includes("devices are up")) resolve();
      });
      child.on("close", () => resolve());
    });
    const folder = join(work, leftBehind()[0]!);
    child.kill("SIGKILL");
    // The children notice that their leash is loose; vitest's own time-out is the patience.
    while (existsSync(folder)) await new Promise((resolve) => setTimeout(resolve, 100));
  }, 120_000);

  test("is modelled on the real fleet, which does not notice", async () => {
    const folder = await mkdtemp(join(work, "real-"));
    const facts = (version: string, sequence: number) => ({
      name: "digits",
      version,
      sequence,
      manifest: null,
    });
    const real = await Stage.open(folder, 1, 2);
    try {
      const hardware = ["camera-v2", "phone"];
      for (const one of [facts("1.0.0", 1), facts("2.0.0", 2)]) {
        await real.publish(rehearsedBundle(one, behaviourOf(one), hardware, 1));
      }
      const { tokens } = await real.client.createEnrolmentTokens({ product: "digits", count: 12 });
      await real.startFleet(
        {
          schema: "mote.rehearsed-fleet/1",
          speed: 60,
          windowS: 60,
          candidateSequence: 2,
          seed: 1,
          devices: tokens.map(({ token }, i) => ({
            id: `real-${i}`,
            token,
            hardware: hardware[i % 2]!,
            tags: { site: i < 6 ? "north" : "south" },
            batteryPercent: 80,
            freeBytes: null,
            conditions: null,
            fault: null,
          })),
        },
        10,
      );
      const polled = async () =>
        (await real.client.devices()).devices.filter((one) => one.batteryPercent !== null);
      while ((await polled()).length < 12) await new Promise((resolve) => setTimeout(resolve, 100));
      const known = await knownByServer(
        real.client,
        {
          product: "digits",
          version: "2.0.0",
          query: { tags: { site: "north" } },
          waves: [{ name: "all", share: 1, soakS: 0 }],
          gates: {
            maxFailureShare: 0,
            minConfirmedShare: 1,
            installTimeoutS: 60,
            telemetry: [],
            falseStopRate: 0.05,
            deadlineS: 60,
          },
          onFailure: "hold",
          preconditions: {},
          approvals: 0,
        },
        4,
      );
      expect(known).toMatchObject({ candidate: { sequence: 2 }, previous: null });
      expect(known.population.eligible).toBe(6);
      expect(known.population.devices).toHaveLength(4);
      for (const device of known.population.devices) {
        expect(device).toMatchObject({ tags: { site: "north" }, batteryPercent: 80, hasRelease: false });
      }
      const audit = (await real.client.audit()).entries.length;
      const { code, document } = await rehearse(["--devices", "4", "--server", real.url], {
        MOTE_TOKEN: real.token,
      });
      expect(code).toBe(0);
      expect(document).toMatchObject({ outcome: "completed", devices: 4, eligible: 12 });
      expect((await real.client.rollouts()).rollouts).toEqual([]);
      const asked = (await real.client.audit()).entries.slice(0, -audit);
      expect(asked.map(({ action }) => action)).toEqual(["POST /api/v1/rollouts/sample"]);
    } finally {
      await real.close();
    }
  }, 300_000);
});
