import { open, rm } from "node:fs/promises";
import type { CliCommand } from "../command.js";
import { addServerOptions, connect, type ServerOptions } from "../operator/connect.js";
import { parseTag } from "../operator/plan.js";
import { table } from "../operator/table.js";

interface EnrolOptions extends ServerOptions {
  readonly product: string;
  readonly count?: string;
  readonly maxDevices?: string;
  readonly hardware?: string;
  readonly tag?: readonly string[];
  readonly expiresDays?: string;
  readonly output?: string;
}

export const command: CliCommand = {
  name: "fleet",
  summary: "the fleet as a whole: show, releases, tokens",
  configure(command, io) {
    addServerOptions(command.command("show").description("devices by product and release"))
      .addHelpText("after", "\nExample:\n  mote fleet show --server http://127.0.0.1:8080\n")
      .action(async (options: ServerOptions) => {
        const fleet = await (await connect(options)).fleet();
        io.json(fleet);
        io.say(`${fleet.devices} devices, ${fleet.online} online, ${fleet.frames} windows of telemetry`);
        const rows = fleet.products.flatMap((product) =>
          product.versions.map((version) => [
            product.product,
            version.version ?? (version.sequence === 0 ? "none" : `sequence ${version.sequence}`),
            String(version.devices),
          ]),
        );
        io.say(table(["product", "release", "devices"], rows));
      });
    addServerOptions(command.command("releases").description("what could be rolled out, and who signed it"))
      .addHelpText("after", "\nExample:\n  mote fleet releases\n")
      .action(async (options: ServerOptions) => {
        const { releases } = await (await connect(options)).releases();
        io.json(releases);
        const rows = releases.map((release) => [
          release.product,
          release.version,
          String(release.sequence),
          release.retired ? "retired" : release.signedBy,
          String(release.devices),
        ]);
        io.say(table(["product", "version", "sequence", "signed by", "devices"], rows));
      });
    addServerOptions(command.command("tokens").description("make one-time tokens with which devices enrol"))
      .requiredOption("-p, --product <name>")
      .option("-n, --count <n>", "how many (default 1)")
      .option("--max-devices <n>", "devices that each token may bring in, for a production line (default 1)")
      .option("--hardware <class>", "only for devices of this class")
      .option("--tag <name=value...>", "tags that the device gets")
      .option("--expires-days <n>", "default 7")
      .option("-o, --output <file>", "write them to a new file of one token a line (mode 0600)")
      .addHelpText(
        "after",
        "\nExample:\n  mote fleet tokens -p digits -n 20 --hardware gateway -o tokens.txt\n",
      )
      .action(async (options: EnrolOptions) => {
        const { product, count, maxDevices, hardware, tag, expiresDays, output } = options;
        const client = await connect(options);
        // Before the server makes them: tokens are shown once, and a file that can't be written would lose them.
        const file = output === undefined ? null : await open(output, "wx", 0o600);
        const answer = await client
          .createEnrolmentTokens({
            product,
            ...(count === undefined ? {} : { count: Number(count) }),
            ...(maxDevices === undefined ? {} : { maxDevices: Number(maxDevices) }),
            ...(hardware === undefined ? {} : { hardware }),
            ...(tag === undefined ? {} : { tags: Object.fromEntries(tag.map(parseTag)) }),
            ...(expiresDays === undefined ? {} : { expiresInS: Math.round(86_400 * Number(expiresDays)) }),
          })
          .catch(async (error: unknown) => {
            await file?.close();
            if (output !== undefined) await rm(output, { force: true });
            throw error;
          });
        const lines = answer.tokens.map((entry) => entry.token).join("\n");
        await file?.writeFile(`${lines}\n`);
        await file?.close();
        io.json(output === undefined ? answer : { file: output, count: answer.tokens.length });
        io.say(output === undefined ? lines : `Wrote ${answer.tokens.length} tokens to ${output}`);
      });
  },
};
