import canonicalizeModule from "canonicalize";
import { fromUtf8, utf8 } from "../bytes.js";
import { SchemaError, TooLargeError, whatCame } from "../errors.js";
import { checkSchema } from "../schema.js";
import { MANIFEST_MAX_BYTES, Manifest } from "./manifest.js";

// The package is CommonJS with an ES declaration: Node gives the function, a bundler may give { default }.
const serialize = (
  typeof canonicalizeModule === "function" ? canonicalizeModule : canonicalizeModule.default
) as (value: unknown) => string | undefined;

/** RFC 8785 (JSON Canonicalization Scheme): one sequence of bytes for one document. */
export function canonicalJcs(value: unknown): Uint8Array {
  const text = serialize(value);
  if (text === undefined) throw new TypeError("undefined has no canonical form");
  return utf8(text);
}

/** A manifest's canonical bytes: what is hashed, and what people sign as the TUF target. */
export function canonicalManifest(manifest: Manifest): Uint8Array {
  return canonicalJcs(manifest);
}

/**
 * Reads and checks a manifest. Whoever trusts its digest checks that first: see trust/target.ts.
 *
 * @throws TooLargeError, SchemaError naming the path at fault
 */
export function parseManifest(bytes: Uint8Array): Manifest {
  if (bytes.length > MANIFEST_MAX_BYTES) {
    throw new TooLargeError({
      expected: `a manifest of at most ${MANIFEST_MAX_BYTES} bytes`,
      got: `${bytes.length} bytes`,
      todo: "Shorten the model card or split the variants over several releases.",
    });
  }
  return checkManifest(parseJson(bytes));
}

/** @throws SchemaError */
export function checkManifest(value: unknown): Manifest {
  return checkSchema(Manifest, value, "the manifest");
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(fromUtf8(bytes));
  } catch (cause) {
    throw new SchemaError({
      expected: "the manifest to be JSON in UTF-8",
      got: whatCame(cause),
      todo: "Make the bundle again.",
      cause,
    });
  }
}
