import { Gates, RolloutPlan } from "@mote/protocol";
import { type TSchema, Type } from "@sinclair/typebox";
import { UsageError } from "../../errors.js";
import { BudgetSchema } from "../../profile/budget.js";
import { BundleDraft } from "../../release/draft.js";
import type { CliCommand } from "../command.js";

/** What a plan leaves out has a default or comes from a flag. */
const PlanFile = Type.Partial(
  Type.Object(
    { ...RolloutPlan.properties, gates: Type.Partial(Gates, { additionalProperties: false }) },
    { additionalProperties: false },
  ),
);

/** Files that people write by hand. The server prints that of its settings: `mote-server --schema`. */
const SCHEMAS: Readonly<Record<string, TSchema>> = {
  budget: BudgetSchema,
  draft: BundleDraft,
  plan: PlanFile,
};

export const command: CliCommand = {
  name: "schema",
  summary: "the JSON Schema of a file that is written by hand: budget, draft or plan",
  configure(command, io) {
    command
      .argument("<file>", Object.keys(SCHEMAS).join(", "))
      .addHelpText(
        "after",
        `
Editors that know YAML complete and check by it:
  mote schema plan > plan.schema.json
  and as the first line of plan.yaml:  # yaml-language-server: $schema=plan.schema.json`,
      )
      .action((name: string) => {
        const schema = SCHEMAS[name];
        if (schema === undefined) {
          throw new UsageError({
            expected: `one of ${Object.keys(SCHEMAS).join(", ")}`,
            got: JSON.stringify(name),
            todo: "`mote schema --help` names them; `mote-server --schema` prints that of the server's settings.",
          });
        }
        const text = JSON.stringify(
          { $schema: "https://json-schema.org/draft/2020-12/schema", ...schema },
          null,
          2,
        );
        io.say(text);
        io.json(JSON.parse(text));
      });
  },
};
