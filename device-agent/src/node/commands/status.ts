import { confirmedSlot, servingSlot, spareSlot } from "../../core/slots.js";
import { FRESH, type Slot } from "../../core/state.js";
import { EMPTY_OUTBOX } from "../../core/telemetry-outbox.js";
import type { AgentCommand } from "../command.js";
import { loadIdentity, openStores } from "../home.js";

export const command: AgentCommand = {
  name: "status",
  summary: "what runs, what is under way and what waits to be sent (reads the folder only)",
  configure(command, console) {
    command
      .requiredOption("--state <dir>", "the device's folder")
      .addHelpText("after", "\nExample:\n  mote-agent status --state /var/lib/mote --json")
      .action(async (options: { state: string }) => {
        const status = await readStatus(options.state);
        console.json(status);
        console.say(describe(status));
      });
  },
};

export type Status = Awaited<ReturnType<typeof readStatus>>;

export async function readStatus(folder: string) {
  const identity = await loadIdentity(folder);
  const stores = await openStores(folder);
  const state = (await stores.state.load()) ?? FRESH;
  const trust = await stores.trust.load();
  const outbox = (await stores.telemetry.load()) ?? EMPTY_OUTBOX;
  const { update } = state;
  return {
    deviceId: identity.deviceId,
    product: identity.product,
    hardware: identity.hardware,
    server: identity.serverUrl,
    state: update.state,
    running: brief(servingSlot(state)),
    confirmed: brief(confirmedSlot(state)),
    spare: brief(spareSlot(state)),
    update:
      update.offer === null
        ? null
        : {
            offerId: update.offer.id,
            version: update.offer.version,
            downloadedBytes: update.downloadedBytes,
            codec: update.codec,
            attempts: update.attempts,
            restarts: update.restarts,
          },
    floor: trust?.floors[identity.product] ?? 0,
    trustedTimeMs: trust?.timeMs ?? 0,
    pendingReports: state.reports.length,
    pendingFrames: outbox.frames.length,
    droppedFrames: outbox.dropped,
  };
}

function brief(slot: Slot | null) {
  return slot === null
    ? null
    : { version: slot.version, sequence: slot.sequence, artifactSha256: slot.artifactSha256 };
}

function describe(status: Status): string {
  const release = (slot: Status["running"]) =>
    slot === null ? "none" : `${slot.version} (sequence ${slot.sequence})`;
  const { update } = status;
  return [
    `${status.deviceId} (${status.product}, ${status.hardware}) at ${status.server}`,
    `  runs        ${release(status.running)}`,
    `  confirmed   ${release(status.confirmed)}`,
    `  spare slot  ${release(status.spare)}`,
    `  update      ${status.state}${update === null ? "" : ` for ${update.version}, ${update.downloadedBytes} bytes so far`}`,
    `  floor       ${status.floor}`,
    `  to send     ${status.pendingReports} reports, ${status.pendingFrames} telemetry frames (${status.droppedFrames} dropped)`,
  ].join("\n");
}
