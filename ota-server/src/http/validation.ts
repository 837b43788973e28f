import { SchemaError } from "@mote/protocol";
import type { TSchema } from "@sinclair/typebox";
import { TypeCompiler } from "@sinclair/typebox/compiler";
import { Value } from "@sinclair/typebox/value";
import type { FastifyInstance } from "fastify";

/**
 * Requests are checked with the contract's own TypeBox schemas: nothing is coerced (query strings apart, which are text),
 * nothing is dropped, nothing is filled in.
 */
export function useContractValidation(app: FastifyInstance): void {
  app.setValidatorCompiler<TSchema>(({ schema, httpPart }) => {
    const check = TypeCompiler.Compile(schema);
    const isText = httpPart === "querystring" || httpPart === "params";
    return (input: unknown) => {
      const value = isText ? Value.Convert(schema, { ...(input as object) }) : input;
      if (check.Check(value)) return { value };
      const fault = check.Errors(value).First();
      return {
        error: new SchemaError({
          expected: `${httpPart ?? "request"}${fault?.path ?? ""} that follows the contract`,
          got: fault === undefined ? "something else" : `${fault.message} (${abbreviate(fault.value)})`,
          todo: "See /openapi.json.",
        }),
      };
    };
  });
  // Answers are made from typed objects; the schema documents them.
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
}

function abbreviate(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}
