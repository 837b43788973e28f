import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { OperatorClient, RolloutPlan, RolloutView } from "@mote/protocol";
import type { Journal } from "./journal.js";
import { Service } from "./processes.js";

/** The operator's half of the story: what a person would do with `mote rollout` and read on the live page. */

export const PRODUCT = "digits";
const POLL_MS = 500;
const STRAGGLERS_S = 60;

/** Waits until `look` gives something; says what it is waiting for. Throws after `timeoutS`. */
export async function until<T>(
  what: string,
  timeoutS: number,
  look: () => Promise<T | undefined>,
): Promise<T> {
  const deadline = performance.now() + timeoutS * 1000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`Waited ${timeoutS} s in vain for ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

export class Fleet {
  constructor(
    readonly client: OperatorClient,
    protected readonly journal: Journal,
    readonly size: number,
  ) {}

  /** Number of devices that run each release, "none" for those without any. */
  async versions(): Promise<Map<string, number>> {
    const fleet = await this.client.fleet();
    const product = fleet.products.find((entry) => entry.product === PRODUCT);
    return new Map((product?.versions ?? []).map((entry) => [entry.version ?? "none", entry.devices]));
  }

  /** Gives stragglers a minute: a wave passes when enough devices have confirmed, not when the slowest has. */
  async settle(version: string): Promise<Map<string, number>> {
    const deadline = performance.now() + STRAGGLERS_S * 1000;
    for (;;) {
      const versions = await this.versions();
      if (versions.get(version) === this.size || performance.now() > deadline) return versions;
      this.journal.status(await this.statusText());
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  async statusText(): Promise<string> {
    const versions = await this.versions();
    return [...versions].map(([version, devices]) => `${devices} on ${version}`).join(", ");
  }

  /** Follows a rollout to one of its ends, telling what moves. */
  async follow(id: string, timeoutS: number): Promise<RolloutView> {
    let told = 0;
    return until(`rollout ${id} to end`, timeoutS, async () => {
      const view = await this.client.rollout(id);
      for (const entry of view.history.slice(told)) this.journal.say(`${view.plan.version}: ${entry.text}`);
      told = view.history.length;
      const wave = view.waves[view.currentWave];
      this.journal.status(
        `${view.plan.version} ${view.state}, wave "${wave?.name}" ${wave?.confirmed ?? 0}/${wave?.members ?? 0} confirmed; ${await this.statusText()}`,
      );
      const isEnd = ["rolled-back", "completed", "aborted", "held"].includes(view.state);
      return isEnd ? view : undefined;
    });
  }
}

/** A canary of a fifth of the fleet, then everybody; a worse canary takes the release back from all who have it. */
export function canaryPlan(version: string): RolloutPlan {
  return {
    product: PRODUCT,
    version,
    query: {},
    waves: [
      { name: "canary", share: 0.25, soakS: 4 },
      { name: "everybody", share: 1, soakS: 2 },
    ],
    gates: {
      maxFailureShare: 0.34,
      minConfirmedShare: 0.8,
      installTimeoutS: 45,
      telemetry: [
        { metric: "confidence", margin: 0.05 },
        { metric: "accuracy", margin: 0.05 },
        { metric: "errorRate", margin: 0.02 },
      ],
      falseStopRate: 0.05,
      deadlineS: 90,
    },
    onFailure: "rollback-wave",
    preconditions: { minBatteryPercent: 20 },
    approvals: 0,
  };
}

/** The first release goes to all at once: there is nothing to compare it with yet. */
export function firstPlan(version: string): RolloutPlan {
  return {
    ...canaryPlan(version),
    waves: [{ name: "everybody", share: 1, soakS: 2 }],
    gates: { ...canaryPlan(version).gates, telemetry: [] },
  };
}

export async function startServer(
  work: string,
  serverKeys: string,
): Promise<{ service: Service; url: string }> {
  const service = new Service(
    "the server",
    "server",
    [
      "--data",
      join(work, "server"),
      "--server-keys",
      serverKeys,
      "--port",
      "0",
      "--mqtt-port",
      "0",
      "--poll-interval-s",
      "2",
      "--demo-open-console",
    ],
    join(work, "server.log"),
  );
  const line = await service.line("address", (entry) => entry["event"] === "listening", 60_000);
  return { service, url: String(line["url"]) };
}

export async function makeTokens(
  client: OperatorClient,
  hardware: string,
  count: number,
  file?: string,
): Promise<string[]> {
  const { tokens } = await client.createEnrolmentTokens({ product: PRODUCT, hardware, count });
  const secrets = tokens.map((entry) => entry.token);
  if (file !== undefined) writeFileSync(file, `${secrets.join("\n")}\n`, { mode: 0o600 });
  return secrets;
}
