import type { TSchema } from "@sinclair/typebox";
import { type ValueError, ValueErrorType } from "@sinclair/typebox/errors";
import { nearest } from "./nearest.js";

/** What is wrong in a document that breaks its schema, in words for whoever wrote it. */
export interface SchemaFault {
  /** JSON pointer; empty for the document itself. */
  readonly path: string;
  readonly rule: string;
  readonly value: unknown;
}

/** Of a hostile document no more faults are looked at. */
const MAX_FAULTS = 32;
/** Names and values that a message lists at most. */
const MAX_LISTED = 16;
/** Characters of a path that a message shows. */
const MAX_PATH_LENGTH = 200;
/** Characters of a name that is compared with those that are known. */
const MAX_NAME_LENGTH = 80;

/**
 * The fault to tell of, out of what a check found: the first one. But a field that is missing and another that nobody knows
 * in the same place are mostly one typing error, and the unknown field is where it was made.
 */
export function explainFault(errors: Iterable<ValueError>): SchemaFault | null {
  const found: ValueError[] = [];
  for (const error of errors) if (found.push(error) === MAX_FAULTS) break;
  const [first] = found;
  if (first === undefined) return null;
  const mistyped =
    first.type === ValueErrorType.ObjectRequiredProperty
      ? found.find(
          ({ type, path }) =>
            type === ValueErrorType.ObjectAdditionalProperties && parentOf(path) === parentOf(first.path),
        )
      : undefined;
  const { path, value } = mistyped ?? first;
  return { path: path.slice(0, MAX_PATH_LENGTH), value, rule: ruleOf(mistyped ?? first) };
}

function ruleOf({ type, schema, path, value, message }: ValueError): string {
  if (type === ValueErrorType.ObjectAdditionalProperties) {
    const name = fieldName(path.slice(parentOf(path).length + 1));
    return `no such field; ${suggest(name, Object.keys((schema as { properties?: object }).properties ?? {}))}`;
  }
  if (type === ValueErrorType.Union) {
    const values = constantsOf(schema);
    if (values !== null) return typeof value === "string" ? suggest(value, values) : `one of ${list(values)}`;
  }
  if (type === ValueErrorType.ObjectRequiredProperty) return "it must be there";
  return message.replace(/^Expected /, "");
}

function suggest(text: string, known: readonly string[]): string {
  const [closest] = nearest(text.slice(0, MAX_NAME_LENGTH), known, 1);
  return closest === undefined ? "none is known here" : `the nearest is ${closest} out of ${list(known)}`;
}

function list(values: readonly string[]): string {
  const more = values.length - MAX_LISTED;
  return more > 0 ? `${values.slice(0, MAX_LISTED).join(", ")} and ${more} more` : values.join(", ");
}

/** The values of a union of nothing but constants. */
function constantsOf(schema: TSchema): string[] | null {
  const options = (schema["anyOf"] ?? []) as readonly { const?: unknown }[];
  const values = options.map((option) => option.const);
  return values.every((value) => value !== undefined) ? values.map(String) : null;
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

function fieldName(key: string): string {
  return key.replaceAll("~1", "/").replaceAll("~0", "~");
}
