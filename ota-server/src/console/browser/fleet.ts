import type { DeviceView, FleetAnswer } from "@mote/protocol";
import { ago, byId, h, show } from "./dom.js";

/** Releases keep their colour while the page is open; the label says the same without colour. */
const COLOURS = 8;

export function colourOf(sequence: number): string {
  return sequence === 0 ? "none" : String(sequence % COLOURS);
}

export function label(version: string | null, sequence: number): string {
  return version ?? (sequence === 0 ? "none yet" : `#${sequence}`);
}

export function showFleet(fleet: FleetAnswer): void {
  const tile = (value: number, name: string) =>
    h("div", { class: "tile" }, h("strong", {}, value.toLocaleString()), h("span", {}, name));
  const bars = fleet.products.map((product) =>
    h(
      "figure",
      {},
      h("figcaption", {}, `${product.product} by release`),
      h(
        "div",
        { class: "stack", role: "img", "aria-label": describe(product) },
        ...product.versions.map(({ sequence, devices }) => {
          const part = h("span", { class: `v v-${colourOf(sequence)}` });
          part.style.flexGrow = String(devices);
          return part;
        }),
      ),
      h(
        "ul",
        { class: "legend" },
        ...product.versions.map(({ sequence, version, devices }) =>
          h(
            "li",
            {},
            h("i", { class: `v v-${colourOf(sequence)}` }),
            `${label(version, sequence)}: `,
            h("b", {}, String(devices)),
          ),
        ),
      ),
    ),
  );
  show(
    byId("fleet"),
    h(
      "div",
      { class: "tiles" },
      tile(fleet.devices, "devices"),
      tile(fleet.online, "online"),
      tile(fleet.frames, "telemetry windows"),
      tile(fleet.activeRollouts.length, "rollouts under way"),
    ),
    ...bars,
  );
}

function describe(product: FleetAnswer["products"][number]): string {
  const parts = product.versions.map((one) => `${one.devices} on ${label(one.version, one.sequence)}`);
  return `${product.product}: ${parts.join(", ")}`;
}

const cells = new Map<string, HTMLButtonElement>();

/** Cells are kept and changed in place, so that a change of version is seen as a change. */
export function showDevices(
  devices: readonly DeviceView[],
  more: string | null,
  onOpen: (id: string) => void,
): void {
  const grid = byId("devices");
  const known = new Set(devices.map((device) => device.id));
  for (const [id, cell] of cells) {
    if (known.has(id)) continue;
    cell.remove();
    cells.delete(id);
  }
  for (const device of devices) {
    let cell = cells.get(device.id);
    if (cell === undefined) {
      cell = h("button", { type: "button", click: () => onOpen(device.id) });
      cells.set(device.id, cell);
      grid.append(cell);
    }
    const state = device.revoked ? "revoked" : device.online ? "online" : "offline";
    const version = label(device.runningVersion, device.runningSequence);
    const text = `${device.id} ${version} ${state}`;
    if (cell.dataset["text"] === text) continue;
    cell.dataset["text"] = text;
    cell.className = `device v-${colourOf(device.runningSequence)} ${state}`;
    cell.title = `${device.id}: ${version}, ${state}, seen ${ago(device.lastSeenMs)}`;
    cell.setAttribute("aria-label", cell.title);
    cell.replaceChildren(h("b", {}, device.id), h("span", {}, version));
  }
  byId("devices-note").textContent =
    devices.length === 0
      ? "No device has enrolled yet."
      : more === null
        ? ""
        : `${devices.length} devices are shown; there are more.`;
}
