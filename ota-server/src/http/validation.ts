import { SchemaError } from "@mote/protocol";
import { type TSchema, Type } from "@sinclair/typebox";
import { TypeCompiler } from "@sinclair/typebox/compiler";
import { Value } from "@sinclair/typebox/value";
import type { FastifyInstance } from "fastify";

/** The body of an upload as the document shows it; its handler judges the bytes. */
export const BinaryBody = Type.Unsafe<Buffer>({ type: "string", format: "binary" });

/**
 * Requests are checked with the contract's own TypeBox schemas: nothing is coerced (query strings apart, which are text),
 * nothing is dropped, nothing is filled in.
 */
export function useContractValidation(app: FastifyInstance): void {
  app.setValidatorCompiler<TSchema>(({ schema, httpPart }) => {
    if (schema === BinaryBody) return bytesOf;
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

/** A request without a body brings null: an upload of nothing. */
function bytesOf(input: unknown): { value: Buffer } | { error: SchemaError } {
  if (Buffer.isBuffer(input)) return { value: input };
  if (input === null || input === undefined) return { value: Buffer.alloc(0) };
  return {
    error: new SchemaError({
      expected: "bytes (content-type application/octet-stream)",
      got: "JSON",
      todo: "Send the file as it is.",
    }),
  };
}

function abbreviate(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}
