import { explainFault, SchemaError } from "@mote/protocol";
import { type TSchema, Type } from "@sinclair/typebox";
import { TypeCompiler } from "@sinclair/typebox/compiler";
import { Value } from "@sinclair/typebox/value";
import type { FastifyInstance } from "fastify";

/** The body of an upload as the document shows it; its handler judges the bytes. */
export const BinaryBody = Type.Unsafe<Buffer>({ type: "string", format: "binary" });

/** No document of the contract nests deeper than ten; what walks a parsed document may recurse. */
const MAX_JSON_DEPTH = 32;

/** JSON as Fastify parses it, `__proto__` refused, but not what nests so deep that walking it would exhaust the stack. */
export function useBoundedJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser("error", "error");
  app.addContentTypeParser<string>("application/json", { parseAs: "string" }, (request, body, done) => {
    if (depthOf(body) <= MAX_JSON_DEPTH) return parse(request, body, done);
    const error = new SchemaError({
      expected: `JSON of at most ${MAX_JSON_DEPTH} levels`,
      got: "deeper nesting",
      todo: "See /openapi.json.",
    });
    done(error, undefined);
  });
}

const [QUOTE, BACKSLASH, OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [...'"\\[]{}'].map((one) =>
  one.charCodeAt(0),
);

/** Brackets that are open at once, those in strings left out. One pass: a pattern could be made to backtrack. */
function depthOf(json: string): number {
  let depth = 0;
  let deepest = 0;
  let isString = false;
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === QUOTE) isString = !isString;
    else if (isString) at += code === BACKSLASH ? 1 : 0;
    else if (code === OPEN_ARRAY || code === OPEN_OBJECT) deepest = Math.max(deepest, ++depth);
    else if (code === CLOSE_ARRAY || code === CLOSE_OBJECT) depth--;
  }
  return deepest;
}

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
      if (check.Check(input)) return { value: input };
      const value = isText ? Value.Convert(schema, { ...(input as object) }) : input;
      if (isText && check.Check(value)) return { value };
      const fault = explainFault(check.Errors(value));
      return {
        error: new SchemaError({
          expected: `${placeOf(httpPart, fault?.path ?? "")} as the contract has it${fault === null ? "" : ` (${fault.rule})`}`,
          got: fault === null ? "something else" : abbreviate(fault.value),
          todo: "See /openapi.json.",
        }),
      };
    };
  });
  // Answers are made from typed objects; the schema documents them.
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
}

const PARTS: Readonly<Record<string, string>> = {
  body: "the body",
  params: "the path",
  querystring: "the query",
};

function placeOf(part: string | undefined, pointer: string): string {
  const whole = PARTS[part ?? ""] ?? "the request";
  return pointer === "" ? whole : `${pointer.slice(1)} in ${whole}`;
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
