import { ConsumerRequest, checkSchema, Name } from "@mote/protocol";
import type { CliCommand } from "../command.js";
import { addServerOptions, connect, type ServerOptions } from "../operator/connect.js";
import { table } from "../operator/table.js";

interface DeclareOptions extends ServerOptions {
  readonly product: string;
  readonly contact: string;
  readonly purpose?: string;
  readonly reads: readonly string[];
  readonly class?: readonly string[];
}

export const command: CliCommand = {
  name: "consumer",
  summary: "who reads what models say, and is warned before it changes: list, declare, remove",
  configure(command, io) {
    addServerOptions(command.command("list").description("declared consumers of outputs"))
      .option("-p, --product <name>")
      .addHelpText("after", "\nExample:\n  mote consumer list -p digits\n")
      .action(async (options: ServerOptions & { product?: string }) => {
        const { product } = options;
        const answer = await (await connect(options)).consumers(product === undefined ? {} : { product });
        io.json(answer);
        const rows = answer.consumers.map((one) => [
          one.id,
          one.product,
          one.reads.join(", "),
          one.labels.join(", ") || "all",
          one.contact,
        ]);
        io.say(table(["consumer", "product", "reads", "classes", "contact"], rows));
      });
    addServerOptions(command.command("declare").description("declare one, or declare it anew"))
      .argument("<id>")
      .requiredOption("-p, --product <name>")
      .requiredOption("--contact <text>", "whom to tell: a mail address, a channel, a name")
      .requiredOption("--reads <part...>", "labels (names of classes), indices (their places), scores")
      .option("--class <label...>", "the classes that it depends on (default all)")
      .option("--purpose <text>")
      .addHelpText(
        "after",
        "\nExample:\n  mote consumer declare ward-board -p digits --contact ada@example.org --reads labels --class fallen\n",
      )
      .action(async (id: string, options: DeclareOptions) => {
        const { product, contact, purpose, reads, class: labels } = options;
        const request = checkSchema(
          ConsumerRequest,
          {
            product,
            contact,
            reads,
            ...(purpose === undefined ? {} : { purpose }),
            ...(labels === undefined ? {} : { labels }),
          },
          "consumer",
        );
        const consumer = await (await connect(options)).declareConsumer(checkSchema(Name, id, "id"), request);
        io.json(consumer);
        io.say(
          `${consumer.id} is declared: rollouts of ${product} that change what it reads name ${contact}.`,
        );
      });
    addServerOptions(command.command("remove").description("nobody is told to warn its contact any more"))
      .argument("<id>")
      .addHelpText("after", "\nExample:\n  mote consumer remove ward-board\n")
      .action(async (id: string, options: ServerOptions) => {
        await (await connect(options)).removeConsumer(checkSchema(Name, id, "id"));
        io.json({ removed: id });
        io.say(`${id} is removed.`);
      });
  },
};
