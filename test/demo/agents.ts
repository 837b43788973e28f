import { join } from "node:path";
import type { Journal } from "./journal.js";
import { runJson, Service } from "./processes.js";

/** The devices: three agents as processes of their own, and twenty that share one process and one inference worker. */

export const HARDWARE = "camera-gateway";

export interface AgentHome {
  readonly id: string;
  readonly stateDir: string;
  readonly logFile: string;
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
): Promise<AgentHome> {
  const home: AgentHome = {
    id,
    stateDir: join(work, "agents", id),
    logFile: join(work, `${id}.log`),
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

export function run(home: AgentHome, sensor: string, windowS: number): Service {
  home.service = new Service(
    home.id,
    "agent",
    ["run", "--state", home.stateDir, "--sensor", sensor, "--window-s", String(windowS), "--json"],
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
  windowS: number,
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
      "--window-s",
      String(windowS),
      "--json",
    ],
    join(work, "simulated.log"),
  );
}
