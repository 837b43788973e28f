import type { DeviceListQuery } from "@mote/protocol";
import type { CliCommand } from "../command.js";
import { addServerOptions, connect, type ServerOptions } from "../operator/connect.js";
import { ago, table } from "../operator/table.js";

interface ListOptions extends ServerOptions {
  readonly product?: string;
  readonly hardware?: string;
  readonly tag?: string;
  readonly limit?: string;
  readonly after?: string;
}

export const command: CliCommand = {
  name: "device",
  summary: "the fleet's devices: list, show, revoke",
  configure(command, io) {
    addServerOptions(command.command("list").description("devices in the order of their ids"))
      .option("-p, --product <name>")
      .option("--hardware <class>")
      .option("--tag <name=value>")
      .option("--limit <n>", "devices per page (default 100)")
      .option("--after <id>", "the page after this device")
      .addHelpText("after", "\nExample:\n  mote device list --product digits --tag site=north\n")
      .action(async (options: ListOptions) => {
        const { product, hardware, tag, after, limit } = options;
        const query: DeviceListQuery = {
          ...(product === undefined ? {} : { product }),
          ...(hardware === undefined ? {} : { hardware }),
          ...(tag === undefined ? {} : { tag }),
          ...(after === undefined ? {} : { after }),
          ...(limit === undefined ? {} : { limit: Number(limit) }),
        };
        const answer = await (await connect(options)).devices(query);
        io.json(answer);
        const rows = answer.devices.map((device) => [
          device.id,
          device.product,
          device.hardware,
          device.runningVersion ?? "none",
          device.revoked ? "revoked" : device.online ? "online" : "offline",
          ago(device.lastSeenMs, Date.now()),
          device.batteryPercent === null ? "" : `${device.batteryPercent} %`,
        ]);
        io.say(table(["device", "product", "hardware", "release", "state", "seen", "battery"], rows));
        if (answer.next !== null) io.say(`More: --after ${answer.next}`);
      });
    addServerOptions(
      command.command("show").description("a device's life: state, reports, telemetry by release"),
    )
      .argument("<id>")
      .addHelpText("after", "\nExample:\n  mote device show cam-07\n")
      .action(async (id: string, options: ServerOptions) => {
        const detail = await (await connect(options)).device(id);
        io.json(detail);
        const { device } = detail;
        io.say(
          `${device.id}: ${device.product} on ${device.hardware}, runs ${device.runningVersion ?? "nothing"}, seen ${ago(device.lastSeenMs, Date.now())}`,
        );
        const telemetry = detail.telemetry.map((sums) => [
          String(sums.releaseSequence),
          String(sums.inferences),
          String(sums.errors),
          percent(sums.meanConfidence),
          percent(sums.probeAccuracy),
          sums.meanLatencyUs === null ? "" : `${Math.round(sums.meanLatencyUs)} us`,
        ]);
        io.say(table(["release", "inferences", "errors", "confidence", "accuracy", "latency"], telemetry));
        const reports = detail.reports.map(({ receivedAtMs, report }) => [
          new Date(receivedAtMs).toISOString(),
          report.phase,
          report.code,
          String(report.targetSequence),
          report.detail,
        ]);
        io.say(table(["time", "phase", "code", "release", "detail"], reports));
      });
    addServerOptions(
      command.command("revoke").description("end a device's access; it can come back only with a new key"),
    )
      .argument("<id>")
      .action(async (id: string, options: ServerOptions) => {
        await (await connect(options)).revokeDevice(id);
        io.json({ id, revoked: true });
        io.say(`${id} is revoked.`);
      });
  },
};

function percent(share: number | null): string {
  return share === null ? "" : `${(100 * share).toFixed(1)} %`;
}
