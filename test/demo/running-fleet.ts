import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { OperatorClient } from "@mote/protocol";
import { type AgentHome, enrol, HARDWARE, run, simulate } from "./agents.js";
import { CorruptingProxy } from "./corrupting-proxy.js";
import { Fleet, makeTokens, startServer, until } from "./fleet.js";
import type { Journal } from "./journal.js";

/** Devices that share one process and one inference worker. */
const SIMULATED = 20;
/** Agents that are processes of their own. */
const OWN_PROCESS = ["gateway-1", "gateway-2", "gateway-3"] as const;
/** Flash of the second gateway, KiB a second: slow enough to be hit in mid-apply. */
const SLOW_FLASH_KIB_S = 10;

/** The server and all devices, running. */
export class RunningFleet extends Fleet {
  constructor(
    journal: Journal,
    client: OperatorClient,
    readonly url: string,
    readonly tokenFile: string,
    private readonly homes: readonly AgentHome[],
    private readonly sensor: string,
    readonly badLink: CorruptingProxy,
  ) {
    super(client, journal, SIMULATED + OWN_PROCESS.length);
  }

  /** The device whose link is bad. */
  get badLinkDevice(): string {
    return OWN_PROCESS[2];
  }

  /**
   * Waits until the second gateway applies an update, kills it with SIGKILL at that moment, starts it again and waits
   * until it runs the update. Gives what happened in words; "" when it did not recover.
   */
  async killInMidApply(): Promise<string> {
    const home = this.homes[1]!;
    const service = home.service!;
    await service.nextLine('state "applying"', (line) => line["state"] === "applying", 120_000);
    await service.stop("SIGKILL");
    this.journal.say(`${home.id}: killed while it applied the update`);
    const again = run(home, this.sensor);
    const resumed = await again.line(
      "word of its recovery",
      (line) => line["event"] === "recovering",
      60_000,
    );
    const detail = await until(`${home.id} to run the update`, 90, async () => {
      const { device } = await this.client.device(home.id);
      return device.runningSequence === 2 ? device : undefined;
    });
    return `${home.id} came back in state "${resumed["state"]}" and runs ${detail.runningVersion}`;
  }

  /** Mean artifact bytes that devices downloaded for the release with this sequence. */
  async meanDownload(sequence: number): Promise<number> {
    const { devices } = await this.client.devices({ limit: 1000 });
    let bytes = 0;
    let count = 0;
    for (const { id } of devices) {
      const { reports } = await this.client.device(id);
      const confirmed = reports.find(
        ({ report }) => report.phase === "confirmed" && report.targetSequence === sequence,
      );
      if (confirmed === undefined) continue;
      bytes += confirmed.report.downloadedBytes;
      count += 1;
    }
    return count === 0 ? 0 : bytes / count;
  }
}

export async function startFleet(
  journal: Journal,
  work: string,
  serverKeys: string,
  rootFile: string,
  sensor: string,
): Promise<RunningFleet> {
  mkdirSync(join(work, "agents"), { recursive: true });
  const { url } = await startServer(work, serverKeys);
  journal.say(`the server listens at ${url}`);
  const tokenFile = join(work, "server", "admin.token");
  const client = new OperatorClient({ url, token: readFileSync(tokenFile, "utf8").trim(), fetch });

  const badLink = new CorruptingProxy(new URL(url));
  const badUrl = await badLink.listen();
  const tokens = await makeTokens(client, HARDWARE, OWN_PROCESS.length);
  const homes: AgentHome[] = [];
  for (const [i, id] of OWN_PROCESS.entries()) {
    homes.push(
      await enrol(
        journal,
        work,
        id,
        i === 2 ? badUrl : url,
        tokens[i]!,
        rootFile,
        i === 1 ? SLOW_FLASH_KIB_S : undefined,
      ),
    );
  }
  const tokensFile = join(work, "tokens.txt");
  await makeTokens(client, HARDWARE, SIMULATED, tokensFile);
  for (const home of homes) run(home, sensor);
  simulate(work, url, tokensFile, rootFile, SIMULATED, sensor);

  const fleet = new RunningFleet(journal, client, url, tokenFile, homes, sensor, badLink);
  await until(`${fleet.size} devices to be online`, 60, async () => {
    const { devices, online } = await client.fleet();
    journal.status(`${devices} of ${fleet.size} devices enrolled, ${online} online`);
    return online === fleet.size ? true : undefined;
  });
  journal.check(
    "devices enrolled, each with a key of its own making",
    `${homes.length} processes and ${SIMULATED} simulated in one`,
    true,
  );
  return fleet;
}
