import { checkSchema, type LineageNode, Name, type ReleaseComparison, Version } from "@mote/protocol";
import type { CliCommand, Io } from "../command.js";
import { addServerOptions, connect, type ServerOptions } from "../operator/connect.js";
import { table } from "../operator/table.js";

interface ReleaseOptions extends ServerOptions {
  readonly product: string;
}

export const command: CliCommand = {
  name: "release",
  summary: "releases on a server: where one comes from (lineage), how two differ (compare)",
  configure(command, io) {
    addServerOptions(command.command("lineage").description("what it was made from, and what came of it"))
      .argument("<version>")
      .requiredOption("-p, --product <name>")
      .addHelpText("after", "\nExample:\n  mote release lineage 2.0.0 -p digits\n")
      .action(async (version: string, options: ReleaseOptions) => {
        const product = checkSchema(Name, options.product, "--product");
        const answer = await (await connect(options)).lineage(
          product,
          checkSchema(Version, version, "version"),
        );
        io.json(answer);
        const nodes = [...answer.children, answer.release, ...answer.ancestors];
        io.say(
          table(
            ["release", "made from", "training data", "source model", "recipe", "devices"],
            nodes.map(row),
          ),
        );
      });
    addServerOptions(
      command.command("compare").description("what changes for devices and for those who read the outputs"),
    )
      .argument("<from>")
      .argument("<to>")
      .requiredOption("-p, --product <name>")
      .addHelpText("after", "\nExample:\n  mote release compare 1.0.0 2.0.0 -p digits\n")
      .action(async (from: string, to: string, options: ReleaseOptions) => {
        const product = checkSchema(Name, options.product, "--product");
        const [before, after] = [checkSchema(Version, from, "from"), checkSchema(Version, to, "to")];
        show(await (await connect(options)).compare(product, after, before), io);
      });
  },
};

function row(node: LineageNode): string[] {
  const { version, parent, trainingDataSha256, sourceModelSha256, recipe, devices } = node;
  const short = (sha256: string) => sha256.slice(0, 12);
  const data = trainingDataSha256 === null ? "not told" : short(trainingDataSha256);
  return [version, parent ?? "", data, short(sourceModelSha256), recipe, String(devices)];
}

function show(comparison: ReleaseComparison, io: Io): void {
  io.json(comparison);
  const { from, to, labels, isPreprocessingChanged, variants, consumers } = comparison;
  const share = (value: number | null) => (value === null ? "" : `${(100 * value).toFixed(2)} %`);
  const bytes = (value: number | undefined) => (value === undefined ? "" : `${value} B`);
  const rows = [
    ["accuracy", share(from.accuracy), share(to.accuracy)],
    ["devices", String(from.devices), String(to.devices)],
    ...variants.flatMap((one) => [
      [`${one.id}: file`, bytes(one.from?.artifactBytes), bytes(one.to?.artifactBytes)],
      [`${one.id}: RAM`, bytes(one.from?.ramBytes), bytes(one.to?.ramBytes)],
      [`${one.id}: flash`, bytes(one.from?.flashBytes), bytes(one.to?.flashBytes)],
    ]),
  ];
  io.say(table(["", from.version, to.version], rows));
  if (labels.removed.length > 0) io.say(`Classes that are gone: ${labels.removed.join(", ")}`);
  if (labels.added.length > 0) io.say(`New classes: ${labels.added.join(", ")}`);
  for (const { label, from: was, to: is } of labels.moved)
    io.say(`Class ${label} moves from ${was} to ${is}`);
  if (isPreprocessingChanged) io.say("Inputs are prepared in another way.");
  for (const { id, patches, isArchitectureChanged } of variants) {
    if (isArchitectureChanged)
      io.say(`${id}: other architecture; a microcontroller needs other firmware first.`);
    for (const patch of patches) io.say(`${id}: patch of ${patch.bytes} B (${patch.codec})`);
  }
  for (const { consumer, contact, changes } of consumers) {
    io.say(`${consumer} reads what changes (${contact}): ${changes.join("; ")}`);
  }
}
