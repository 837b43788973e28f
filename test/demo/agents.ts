import { join } from "node:path";
import type { Journal } from "./journal.js";
import { runJson, Service } from "./processes.js";

/** The devices: three agents as processes of their own, and twenty that share one process and one inference worker. */

export const HARDWARE = "camera-gateway";

export interface AgentHome {
  readonly id: string;
  readonly stateDir: string;
  readonly logFile: string;
  /** A device with slow flash: its apply takes seconds, as on many a gateway. */
  readonly writeKibS?: number;
  service: Service | null;
}

/** Enrols with a one-time token against the root that was pinned, and makes the device's own key pair. */
export async function enrol(
  journal: Journal,
  work: string,
  id: string,
  server: string,
  token: string,
  root: string,
  writeKibS?: number,
): Promise<AgentHome> {
  const home: AgentHome = {
    id,
    stateDir: join(work, "agents", id),
    logFile: join(work, `${id}.log`),
    ...(writeKibS === undefined ? {} : { writeKibS }),
    service: null,
  };
  await runJson("agent", [
    "enroll",
    "--server",
    server,
    "--token",
    token,
    "--root",
    root,
    "--state",
    home.stateDir,
    "--id",
    id,
    "--hardware",
    HARDWARE,
  ]);
  journal.say(`${id} enrolled at ${server}`);
  return home;
}

/** How every camera lives: short windows, so that minutes of a fleet's life fit into a demo. */
const LIFE = ["--window-s", "1.5", "--rate-hz", "8", "--battery-percent", "80"];

export function run(home: AgentHome, sensor: string): Service {
  const slow = home.writeKibS === undefined ? [] : ["--write-kib-s", String(home.writeKibS)];
  home.service = new Service(
    home.id,
    "agent",
    ["run", "--state", home.stateDir, "--sensor", sensor, ...LIFE, ...slow, "--json"],
    home.logFile,
  );
  return home.service;
}

export function simulate(
  work: string,
  server: string,
  tokensFile: string,
  root: string,
  count: number,
  sensor: string,
): Service {
  return new Service(
    "the simulated fleet",
    "agent",
    [
      "simulate",
      "--server",
      server,
      "--root",
      root,
      "--tokens",
      tokensFile,
      "--count",
      String(count),
      "--hardware",
      HARDWARE,
      "--state",
      join(work, "agents", "simulated"),
      "--sensor",
      sensor,
      ...LIFE,
      "--json",
    ],
    join(work, "simulated.log"),
  );
}
