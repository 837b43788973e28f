import type { DeviceListQuery, ReportedConditions } from "@mote/protocol";
import type { Command } from "commander";
import type { CliCommand, Io } from "../command.js";
import { addServerOptions, connect, type ServerOptions } from "../operator/connect.js";
import { HEALTH_HELP, parseHealth } from "../operator/health.js";
import { parseTag } from "../operator/plan.js";
import { ago, table } from "../operator/table.js";

interface ListOptions extends ServerOptions {
  readonly product?: string;
  readonly hardware?: string;
  readonly tag?: string;
  readonly running?: string;
  readonly agentVersion?: string;
  readonly health?: readonly string[];
  readonly limit?: string;
  readonly after?: string;
}

export const command: CliCommand = {
  name: "device",
  summary: "the fleet's devices: list, show, revoke; tokens for hawkBit clients",
  configure(command, io) {
    addServerOptions(command.command("list").description("devices in the order of their ids"))
      .option("-p, --product <name>")
      .option("--hardware <class>")
      .option("--tag <name=value>")
      .option("--running <version>", 'those that run this release of --product; "none" for those without any')
      .option("--agent-version <version>")
      .option("--health <name=value...>", HEALTH_HELP)
      .option("--limit <n>", "devices per page (default 100)")
      .option("--after <id>", "the page after this device")
      .addHelpText(
        "after",
        "\nExample:\n  mote device list --product digits --tag site=north --health lastUpdateFailed\n",
      )
      .action(async (options: ListOptions) => {
        const { product, hardware, tag, running, agentVersion, health, after, limit } = options;
        const query: DeviceListQuery = {
          ...(product === undefined ? {} : { product }),
          ...(hardware === undefined ? {} : { hardware }),
          ...(tag === undefined ? {} : { tag }),
          ...(running === undefined ? {} : { running }),
          ...(agentVersion === undefined ? {} : { agentVersion }),
          ...(health === undefined ? {} : parseHealth(health)),
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
        const last = detail.reports[0]?.report;
        if (last?.code === "waiting-preconditions") io.say(`Waits for ${last.detail}`);
        if (device.lastUpdateFailed) io.say("Its last update failed.");
        if (device.errorRate !== null) io.say(`Errors per inference of late: ${percent(device.errorRate)}`);
        if (device.conditions !== null) io.say(`Conditions: ${conditionsText(device.conditions)}`);
        const telemetry = detail.telemetry.map((sums) => [
          `${sums.releaseSequence}${sums.inShadow ? " (shadow)" : ""}`,
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
      .addHelpText("after", "\nExample:\n  mote device revoke cam-07\n")
      .action(async (id: string, options: ServerOptions) => {
        await (await connect(options)).revokeDevice(id);
        io.json({ id, revoked: true });
        io.say(`${id} is revoked.`);
      });
    addDdiCommands(command, io);
  },
};

interface DdiTokenOptions extends ServerOptions {
  readonly id?: string;
  readonly product: string;
  readonly hardware: string;
  readonly tag?: readonly string[];
  readonly maxDevices?: string;
}

/** Tokens for SWUpdate, RAUC and other clients of hawkBit's interface. */
function addDdiCommands(command: Command, io: Io): void {
  addServerOptions(
    command
      .command("ddi-token")
      .description(
        "make a token for a hawkBit client: with --id for one device, without for a gateway of many",
      ),
  )
    .requiredOption("-p, --product <name>")
    .requiredOption("--hardware <class>", "hardware class of the device, or of the gateway's devices")
    .option("--id <device>", "register this device; its client sends the token as TargetToken")
    .option("--tag <name=value...>", "tags that the device gets")
    .option("--max-devices <n>", "how many devices a gateway may bring in (default 10000)")
    .addHelpText(
      "after",
      `
Example:
  mote device ddi-token --id camera-17 -p digits --hardware camera-v2
  swupdate -H board:1.0 -k release.pem -u "-t default -i camera-17 -u https://fleet.example.org -k TOKEN"
`,
    )
    .action(async (options: DdiTokenOptions) => {
      const { id, product, hardware, tag, maxDevices } = options;
      const answer = await (await connect(options)).createDdiToken({
        product,
        hardware,
        ...(id === undefined ? {} : { deviceId: id }),
        ...(tag === undefined ? {} : { tags: Object.fromEntries(tag.map(parseTag)) }),
        ...(maxDevices === undefined ? {} : { maxDevices: Number(maxDevices) }),
      });
      io.json(answer);
      io.say(`Authorization: ${answer.scheme} ${answer.token}`);
      io.say(`Shown this once; end it with: mote device ddi-revoke ${answer.id}`);
    });
  addServerOptions(
    command.command("ddi-tokens").description("the tokens of hawkBit clients, without their secrets"),
  )
    .addHelpText("after", "\nExample:\n  mote device ddi-tokens\n")
    .action(async (options: ServerOptions) => {
      const { tokens } = await (await connect(options)).ddiTokens();
      io.json(tokens);
      const rows = tokens.map((token) => [
        token.id,
        token.scheme,
        token.deviceId ?? `up to ${token.maxDevices} devices`,
        token.product,
        token.hardware,
        token.revoked ? "revoked" : "valid",
      ]);
      io.say(table(["id", "kind", "device", "product", "hardware", "state"], rows));
    });
  addServerOptions(command.command("ddi-revoke").description("end a hawkBit client's token at once"))
    .argument("<token-id>")
    .addHelpText("after", "\nExample:\n  mote device ddi-revoke 5f1c0a9be2d3\n")
    .action(async (id: string, options: ServerOptions) => {
      await (await connect(options)).revokeDdiToken(id);
      io.json({ id, revoked: true });
      io.say(`${id} is revoked.`);
    });
}

function conditionsText(conditions: ReportedConditions): string {
  const told = Object.entries(conditions).filter(([, value]) => value !== null && value !== false);
  return told.map(([name, value]) => (value === true ? name : `${name} ${value}`)).join(", ");
}

function percent(share: number | null): string {
  return share === null ? "" : `${(100 * share).toFixed(1)} %`;
}
