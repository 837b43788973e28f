import type { DeviceDetail, ReleaseView, TrustAnswer } from "@mote/protocol";
import { ago, byId, clock, h, percent, show } from "./dom.js";
import { colourOf, label } from "./fleet.js";

export function showReleases(releases: readonly ReleaseView[], onOpen: (release: ReleaseView) => void): void {
  if (releases.length === 0) {
    show(
      byId("releases"),
      h("p", { class: "note" }, "No bundle was uploaded yet: `mote publish` brings one."),
    );
    return;
  }
  const rows = releases.map((release) => [
    h(
      "button",
      {
        type: "button",
        class: "link",
        "data-key": `release/${release.product}/${release.version}`,
        click: () => onOpen(release),
      },
      h("i", { class: `v v-${colourOf(release.sequence)}` }),
      ` ${release.product} ${release.version}`,
    ),
    String(release.sequence),
    release.retired ? "retired" : release.signedBy,
    percent(release.accuracy),
    String(release.devices),
  ]);
  show(byId("releases"), table(["Release", "Sequence", "Signed by", "Accuracy", "Devices"], rows));
}

export function showTrust(trust: TrustAnswer): void {
  const rows = trust.roles.map((role) => [
    role.role,
    String(role.version),
    `${role.threshold} of ${role.keyIds.length}`,
    new Date(role.expiresMs).toLocaleString(),
  ]);
  const mode = {
    none: "No root yet.",
    offline: "Offline mode: releases are signed away from this server; taking it over forges nothing.",
    server: "Server mode: this server holds a targets key and signs what a release manager uploads.",
  }[trust.mode];
  show(
    byId("trust"),
    h("p", {}, mode),
    ...trust.warnings.map((warning) => h("p", { class: "warning" }, warning)),
    rows.length === 0 ? null : table(["Role", "Version", "Threshold", "Expires"], rows),
  );
}

export function showDevice(detail: DeviceDetail): void {
  const { device } = detail;
  const reports = detail.reports.map(({ receivedAtMs, report }) => [
    clock(receivedAtMs),
    report.phase,
    report.code,
    `#${report.targetSequence}`,
    report.codec === null ? "" : `${report.codec}, ${report.downloadedBytes} B`,
    report.detail,
  ]);
  const telemetry = detail.telemetry.map((sums) => [
    `#${sums.releaseSequence}${sums.inShadow ? " (shadow)" : ""}`,
    String(sums.inferences),
    String(sums.errors),
    percent(sums.meanConfidence),
    percent(sums.probeAccuracy),
    sums.meanLatencyUs === null ? "–" : `${Math.round(sums.meanLatencyUs)} µs`,
  ]);
  show(
    byId("device-body"),
    h("h2", {}, device.id),
    h(
      "p",
      {},
      `${device.product} on ${device.hardware}, runs ${label(device.runningVersion, device.runningSequence)}, seen ${ago(device.lastSeenMs)}`,
      device.batteryPercent === null ? "" : `, battery ${device.batteryPercent} %`,
    ),
    h("h3", {}, "Telemetry by release"),
    table(["Release", "Inferences", "Errors", "Confidence", "Probes right", "Latency"], telemetry),
    h("h3", {}, "Reports, newest first"),
    table(["Time", "Phase", "Code", "Release", "Transfer", "Detail"], reports),
  );
}

export function table(head: readonly string[], rows: readonly (readonly (string | Node)[])[]): HTMLElement {
  return h(
    "div",
    { class: "scroll" },
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, ...head.map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, ...rows.map((row) => h("tr", {}, ...row.map((cell) => h("td", {}, cell))))),
    ),
  );
}
