import { WEBHOOK_KINDS, type WebhookKind } from "@mote/protocol";
import { UsageError } from "../../errors.js";
import type { CliCommand } from "../command.js";
import { addServerOptions, connect, type ServerOptions } from "../operator/connect.js";
import { ago, table } from "../operator/table.js";

interface AddOptions extends ServerOptions {
  readonly url: string;
  readonly kind?: readonly string[];
}

export const command: CliCommand = {
  name: "webhook",
  summary: "have other programs told of rollouts, releases and trust (Standard Webhooks)",
  configure(command, io) {
    addServerOptions(command.command("add").description("tell an address; prints the secret once"))
      .argument("<id>")
      .requiredOption("--url <url>", "https, or http to the server's own machine")
      .option("--kind <kinds...>", "only these (default: all)")
      .addHelpText(
        "after",
        `
Kinds: ${WEBHOOK_KINDS.join(", ")}

Example:
  mote webhook add pager --url https://pager.example.org/mote --kind rollout.held rollout.rolling-back trust.warning
`,
      )
      .action(async (id: string, options: AddOptions) => {
        const kinds = options.kind?.map(kindOf);
        const answer = await (await connect(options)).addWebhook({
          id,
          url: options.url,
          ...(kinds === undefined ? {} : { kinds }),
        });
        io.json(answer);
        io.say(`${answer.id} is told. Its secret, shown this once: ${answer.secret}`);
        io.say(`Try it: mote webhook test ${answer.id}`);
      });
    addServerOptions(command.command("list").description("who is told of what, and whether it arrives"))
      .addHelpText("after", "\nExample:\n  mote webhook list\n")
      .action(async (options: ServerOptions) => {
        const answer = await (await connect(options)).webhooks();
        io.json(answer);
        const rows = answer.webhooks.map((hook) => [
          hook.id,
          hook.url,
          hook.kinds?.join(", ") ?? "all",
          hook.endedAtMs === null ? ago(hook.lastDeliveredAtMs, Date.now()) : "ended: it answered 410 Gone",
          String(hook.pending),
          String(hook.givenUp),
          hook.lastProblem ?? "",
        ]);
        io.say(table(["id", "address", "kinds", "delivered", "waiting", "given up", "problem"], rows));
      });
    addServerOptions(command.command("test").description("send a message that says nothing"))
      .argument("<id>")
      .addHelpText("after", "\nExample:\n  mote webhook test pager && sleep 2 && mote webhook list\n")
      .action(async (id: string, options: ServerOptions) => {
        await (await connect(options)).testWebhook(id);
        io.json({ id, queued: true });
        io.say("On its way; `mote webhook list` shows whether it arrives.");
      });
    addServerOptions(
      command.command("rotate").description("a new secret; the old one signs beside it for a day"),
    )
      .argument("<id>")
      .addHelpText("after", "\nExample:\n  mote webhook rotate pager\n")
      .action(async (id: string, options: ServerOptions) => {
        const answer = await (await connect(options)).rotateWebhookSecret(id);
        io.json(answer);
        io.say(`The new secret of ${answer.id}, shown this once: ${answer.secret}`);
      });
    addServerOptions(command.command("remove").description("tell it no more; what waits is dropped"))
      .argument("<id>")
      .addHelpText("after", "\nExample:\n  mote webhook remove pager\n")
      .action(async (id: string, options: ServerOptions) => {
        await (await connect(options)).removeWebhook(id);
        io.json({ id, removed: true });
        io.say(`${id} is removed.`);
      });
  },
};

function kindOf(text: string): WebhookKind {
  const kind = WEBHOOK_KINDS.find((one) => one === text);
  if (kind !== undefined) return kind;
  throw new UsageError({
    expected: `a kind of message: ${WEBHOOK_KINDS.join(", ")}`,
    got: text,
    todo: "Correct --kind, or leave it out for all.",
  });
}
