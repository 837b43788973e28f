import type { ReleaseView, RolloutAction, RolloutView, ServerEvent } from "@mote/protocol";
import { alertOf } from "./alerts.js";
import { byId } from "./dom.js";
import { showDevices, showFleet } from "./fleet.js";
import { offerReleases, wirePlan } from "./plan.js";
import { showRelease } from "./release.js";
import { showRollouts } from "./rollouts.js";
import { act, type DeviceFilter, hasToken, read, SignedOut, signIn } from "./server.js";
import { showDevice, showReleases, showTrust } from "./tables.js";

/** The live page: events only say that something changed; what it is now is read again, at most this often. */
const REFRESH_MS = 500;

type Part = "fleet" | "devices" | "rollouts" | "releases" | "trust" | "device";

const REFRESH: Record<Part, () => Promise<void>> = {
  fleet: async () => showFleet(await read.fleet()),
  devices: async () => {
    const { devices, next } = await read.devices(filter);
    showDevices(devices, next, openDevice);
    byId("devices-next").hidden = next === null;
    byId("devices-next").dataset["after"] = next ?? "";
  },
  rollouts: async () => {
    const { rollouts } = await read.rollouts();
    showRollouts(rollouts, hasToken(), askAndAct);
    alertOf({ rollouts });
    byId("new-rollout").hidden = !hasToken();
  },
  releases: async () => {
    const { releases } = await read.releases();
    showReleases(releases, (release) => openRelease(release, releases));
    offerReleases(releases);
    alertOf({ releases });
  },
  trust: async () => {
    const trust = await read.trust();
    showTrust(trust);
    alertOf({ trust });
  },
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
let filter: DeviceFilter = {};
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

function openRelease(release: ReleaseView, known: readonly ReleaseView[]): void {
  showRelease(release, known).then(
    () => dialog("release").showModal(),
    (error) => {
      byId("message").textContent = String(error instanceof Error ? error.message : error);
    },
  );
}

/** Shows the devices that match, from the first of them on. */
function filterDevices(event: Event): void {
  event.preventDefault();
  const [key, value] = (byId("devices-filter-text") as HTMLInputElement).value.trim().split(/[:=](.*)/s);
  filter = {};
  if (key !== undefined && key !== "" && value === undefined) filter = { hardware: key };
  else if (key === "product" || key === "hardware") filter = { [key]: value ?? "" };
  else if (key !== undefined && value !== undefined) filter = { tag: `${key}=${value}` };
  touch(["devices"]);
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
byId("devices-filter").addEventListener("submit", filterDevices);
byId("devices-next").addEventListener("click", () => {
  filter = { ...filter, after: byId("devices-next").dataset["after"] ?? "" };
  touch(["devices"]);
});
wirePlan(dialog("plan"), () => touch(["rollouts", "fleet"]));
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
