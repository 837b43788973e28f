import type { Static, TSchema } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { SchemaError } from "./errors.js";
import { explainFault } from "./schema-fault.js";

/**
 * Checks a document from outside against its schema and returns it typed, the same object. Interprets the schema
 * (no `eval`), so that it also runs under a browser's content security policy.
 *
 * @param what names the document in the error, such as "the manifest".
 * @param place says where a path stands in the file that the document came from, such as "line 4"; null for no idea.
 * @throws SchemaError naming the first path at fault.
 */
export function checkSchema<T extends TSchema>(
  schema: T,
  value: unknown,
  what: string,
  place: (path: string) => string | null = () => null,
): Static<T> {
  if (Value.Check(schema, value)) return value;
  const fault = explainFault(Value.Errors(schema, value)) ?? { path: "", rule: "unknown rule", value };
  const line = place(fault.path);
  throw new SchemaError({
    expected: `${what} to follow its schema (${fault.rule})`,
    got: `${abbreviate(fault.value)} at "${fault.path === "" ? "/" : fault.path}"${line === null ? "" : ` (${line})`}`,
    todo:
      line === null
        ? "Correct that field, or use a version of Mote that knows this document."
        : "Correct that line.",
  });
}

/** True when `value` follows `schema`; for places where a refusal is a verdict and no error. */
export function followsSchema<T extends TSchema>(schema: T, value: unknown): value is Static<T> {
  return Value.Check(schema, value);
}

/**
 * A value for an error's text. Long ones are cut: an error must not echo a whole hostile document. CBOR can hold integers
 * beyond 2^53, which JSON has no form for.
 */
export function abbreviate(value: unknown): string {
  const text =
    JSON.stringify(value, (_, each: unknown) => (typeof each === "bigint" ? `${each}` : each)) ??
    String(value);
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
}
