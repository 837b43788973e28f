import type { RolloutAction, RolloutView, ServerEvent } from "@mote/protocol";
import { byId } from "./dom.js";
import { showDevices, showFleet } from "./fleet.js";
import { showRollouts } from "./rollouts.js";
import { act, hasToken, read, SignedOut, signIn } from "./server.js";
import { showDevice, showReleases, showTrust } from "./tables.js";

/** The live page: events only say that something changed; what it is now is read again, at most this often. */
const REFRESH_MS = 500;

type Part = "fleet" | "devices" | "rollouts" | "releases" | "trust" | "device";

const REFRESH: Record<Part, () => Promise<void>> = {
  fleet: async () => showFleet(await read.fleet()),
  devices: async () => {
    const { devices, next } = await read.devices(null);
    showDevices(devices, next, openDevice);
  },
  rollouts: async () => showRollouts((await read.rollouts()).rollouts, hasToken(), askAndAct),
  releases: async () => showReleases((await read.releases()).releases),
  trust: async () => showTrust(await read.trust()),
  device: async () => {
    if (openId !== null) showDevice(await read.device(openId));
  },
};

const TOUCHED: Record<ServerEvent["type"], readonly Part[]> = {
  device: ["fleet", "devices", "releases"],
  report: ["fleet", "devices", "rollouts", "releases", "device"],
  telemetry: ["fleet", "device"],
  rollout: ["rollouts", "fleet"],
  release: ["releases"],
  trust: ["trust", "releases"],
};

const ALL = Object.keys(REFRESH) as Part[];
let openId: string | null = null;
let due = new Set<Part>();
let timer: number | null = null;

function touch(parts: readonly Part[]): void {
  for (const part of parts) due.add(part);
  if (timer === null) timer = window.setTimeout(refresh, REFRESH_MS);
}

async function refresh(): Promise<void> {
  const parts = due;
  due = new Set();
  try {
    await Promise.all([...parts].map((part) => REFRESH[part]()));
    say("live", "live");
  } catch (error) {
    if (error instanceof SignedOut) askForToken();
    else say("lost", "no connection");
  } finally {
    timer = null;
    if (due.size > 0) touch([]);
  }
}

function say(state: "live" | "lost", text: string): void {
  const connection = byId("connection");
  connection.className = state;
  connection.textContent = text;
}

function listen(): void {
  const source = new EventSource("/api/v1/events");
  source.onopen = () => touch(ALL);
  source.onmessage = (message) => touch(TOUCHED[(JSON.parse(message.data) as ServerEvent).type]);
  // The browser connects again by itself; what was missed meanwhile is read on opening.
  source.onerror = () => say("lost", "no connection, trying again");
}

function dialog(id: string): HTMLDialogElement {
  const element = byId(id);
  if (element instanceof HTMLDialogElement) return element;
  throw new Error(`#${id} is no dialog.`);
}

function openDevice(id: string): void {
  openId = id;
  read.device(id).then(
    (detail) => {
      showDevice(detail);
      dialog("device").showModal();
    },
    (error) => say("lost", String(error)),
  );
}

function askForToken(): void {
  const login = dialog("login");
  if (login.open) return;
  login.showModal();
}

function askAndAct(rollout: RolloutView, action: RolloutAction): void {
  const ask = dialog("confirm");
  const name = `${rollout.plan.product} ${rollout.plan.version}`;
  byId("confirm-text").textContent = `${action} the rollout of ${name}?`;
  byId("confirm-rollback-row").hidden = action !== "abort";
  ask.returnValue = "";
  ask.onclose = () => {
    if (ask.returnValue !== "yes") return;
    const comment = (byId("confirm-comment") as HTMLInputElement).value;
    const rollback = (byId("confirm-rollback") as HTMLInputElement).checked;
    act(rollout.id, action, { comment, ...(action === "abort" ? { rollback } : {}) }).then(
      () => touch(["rollouts"]),
      (error) => {
        byId("message").textContent = String(error instanceof Error ? error.message : error);
      },
    );
  };
  ask.showModal();
}

byId("login-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const input = byId("login-token") as HTMLInputElement;
  signIn(input.value.trim()).then(
    () => {
      dialog("login").close();
      input.value = "";
      listen();
      touch(ALL);
    },
    (error) => {
      byId("login-message").textContent = String(error instanceof Error ? error.message : error);
    },
  );
});
byId("sign-in").addEventListener("click", askForToken);
dialog("device").addEventListener("close", () => {
  openId = null;
});
byId("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const isDark =
    root.dataset["theme"] === "dark" ||
    (root.dataset["theme"] === undefined && matchMedia("(prefers-color-scheme: dark)").matches);
  root.dataset["theme"] = isDark ? "light" : "dark";
});

await REFRESH.fleet().then(listen, () => askForToken());
touch(ALL);
