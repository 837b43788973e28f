import { decode, encode } from "cborg";
import { equalBytes, type Sha256, toHex, utf8 } from "../bytes.js";
import { BundleFormatError, DigestMismatchError, MoteError, TooLargeError, whatCame } from "../errors.js";
import { PARAMS_LAYOUT_MAX_BYTES, type ParamsLayout, parseParamsLayout } from "../patch/params-layout.js";
import { canonicalManifest, checkManifest, parseManifest } from "./canonical.js";
import { ARTIFACT_MAX_BYTES, type ArtifactRef, MANIFEST_MAX_BYTES, type Manifest } from "./manifest.js";

/**
 * A bundle file carries a release from the bench to the server: the canonical manifest and every artifact that it
 * names, and for those who make patches the layouts of parameters, which no signature covers and no device gets. Layout:
 * 8 bytes magic, then one deterministic CBOR array (RFC 8949, 4.2.1) `[manifest bytes, [artifact bytes, ...]]`, or
 * `[manifest bytes, [artifact bytes, ...], [layout as JSON, ...]]` where there are any; artifacts in ascending order of
 * their digest, layouts of their architecture's hash. So the same inputs pack to the same bytes.
 */

const MAGIC = utf8("MOTEBDL1");

/** Beyond this a file is refused before it is parsed. Bytes. */
export const BUNDLE_MAX_BYTES = 4 * ARTIFACT_MAX_BYTES;

export interface Bundle {
  readonly manifest: Manifest;
  /** Canonical; their SHA-256 is what is signed. */
  readonly manifestBytes: Uint8Array;
  /** By SHA-256 in hex. Exactly the artifacts that the manifest names. */
  readonly artifacts: ReadonlyMap<string, Uint8Array>;
  /** One for each architecture at most, all of them named by a variant. */
  readonly layouts: readonly ParamsLayout[];
}

/**
 * @param artifacts by SHA-256 in hex; must be exactly those that the manifest names.
 * @throws SchemaError, BundleFormatError, TooLargeError
 */
export function packBundle(bundle: {
  readonly manifest: Manifest;
  readonly artifacts: ReadonlyMap<string, Uint8Array>;
  readonly layouts?: readonly ParamsLayout[];
}): Uint8Array {
  const manifest = checkManifest(bundle.manifest);
  const manifestBytes = canonicalManifest(manifest);
  // The reader's limits, held here too: what is packed can be unpacked.
  parseManifest(manifestBytes);
  const wanted = artifactRefs(manifest);
  const digests = [...wanted.keys()].sort();
  for (const [digest, bytes] of bundle.artifacts) {
    const length = wanted.get(digest);
    if (length === undefined) throw badFormat("only artifacts that the manifest names", digest);
    if (length !== bytes.length) throw badFormat(`artifact ${digest} of ${length} bytes`, `${bytes.length}`);
  }
  const artifacts = digests.map((digest) => {
    const bytes = bundle.artifacts.get(digest);
    if (bytes === undefined) throw badFormat("every artifact that the manifest names", `no ${digest}`);
    return bytes;
  });
  const layouts = [...(bundle.layouts ?? [])].sort((a, b) =>
    a.architectureHash < b.architectureHash ? -1 : 1,
  );
  checkLayouts(layouts, manifest);
  const texts = layouts.map((layout) => JSON.stringify(layout));
  const body = encode(texts.length === 0 ? [manifestBytes, artifacts] : [manifestBytes, artifacts, texts]);
  const file = new Uint8Array(MAGIC.length + body.length);
  file.set(MAGIC);
  file.set(body, MAGIC.length);
  checkSize(file);
  return file;
}

/**
 * Reads a bundle and checks every digest and length in it. Who signed it is another question: see trust/.
 *
 * @throws TooLargeError, BundleFormatError, SchemaError, DigestMismatchError
 */
export function unpackBundle(file: Uint8Array, sha256: Sha256): Bundle {
  checkSize(file);
  if (!equalBytes(file.subarray(0, MAGIC.length), MAGIC)) {
    throw badFormat('a bundle file (it starts with "MOTEBDL1")', "other bytes");
  }
  const [manifestBytes, parts, texts] = readBody(file.subarray(MAGIC.length));
  const manifest = parseManifest(manifestBytes);
  if (!equalBytes(canonicalManifest(manifest), manifestBytes)) {
    throw badFormat("a manifest in canonical form (RFC 8785)", "the same facts written otherwise");
  }
  const wanted = artifactRefs(manifest);
  const artifacts = new Map<string, Uint8Array>();
  let before = "";
  for (const bytes of parts) {
    const digest = toHex(sha256(bytes));
    if (wanted.get(digest) !== bytes.length) {
      throw new DigestMismatchError({
        expected: "artifacts with the digests and lengths that the manifest names",
        got: `${bytes.length} bytes with SHA-256 ${digest}`,
        todo: "The file was damaged or changed: fetch it again.",
      });
    }
    if (digest <= before) throw badFormat("artifacts once each, in order of their digest", digest);
    before = digest;
    artifacts.set(digest, bytes);
  }
  for (const digest of wanted.keys()) {
    if (!artifacts.has(digest)) throw badFormat("every artifact that the manifest names", `no ${digest}`);
  }
  const layouts = texts.map(parseParamsLayout);
  checkLayouts(layouts, manifest);
  return { manifest, manifestBytes, artifacts, layouts };
}

/** Length by SHA-256 of everything that a manifest names. */
export function artifactRefs(manifest: Manifest): Map<string, number> {
  const refs = new Map<string, number>();
  const add = ({ sha256, length }: ArtifactRef) => {
    if (refs.has(sha256) && refs.get(sha256) !== length) {
      throw badFormat(`one length for artifact ${sha256}`, `${refs.get(sha256)} and ${length}`);
    }
    refs.set(sha256, length);
  };
  for (const variant of manifest.variants) {
    add(variant.artifact);
    add(variant.golden.inputs);
    add(variant.golden.outputs);
  }
  for (const image of manifest.images ?? []) add(image.artifact);
  return refs;
}

/** @throws BundleFormatError where one is of an architecture that no variant has, or they are not in order */
function checkLayouts(layouts: readonly ParamsLayout[], { variants }: Manifest): void {
  let before = "";
  for (const { architectureHash } of layouts) {
    if (
      !variants.some((variant) => variant.architectureHash === architectureHash) ||
      architectureHash <= before
    ) {
      throw badFormat("layouts of architectures in the manifest, once each, in order", architectureHash);
    }
    before = architectureHash;
  }
}

function readBody(body: Uint8Array): [Uint8Array, Uint8Array[], string[]] {
  let value: unknown;
  try {
    value = decode(body, { strict: true, allowIndefinite: false });
  } catch (cause) {
    if (cause instanceof MoteError) throw cause;
    throw badFormat("a whole bundle file", whatCame(cause), cause);
  }
  if (Array.isArray(value) && (value.length === 2 || value.length === 3)) {
    const [manifestBytes, parts, texts = []] = value as [unknown, unknown, unknown];
    const isWhole = manifestBytes instanceof Uint8Array && Array.isArray(parts) && parts.every(isBytes);
    if (isWhole && Array.isArray(texts) && texts.every(isShortText)) {
      if (manifestBytes.length <= MANIFEST_MAX_BYTES) return [manifestBytes, parts, texts];
      throw new TooLargeError({
        expected: `a manifest of at most ${MANIFEST_MAX_BYTES} bytes`,
        got: `${manifestBytes.length} bytes`,
        todo: "Make the bundle again.",
      });
    }
  }
  throw badFormat("[manifest, [artifacts], [layouts]]", "another structure");
}

function isShortText(value: unknown): value is string {
  return typeof value === "string" && value.length <= PARAMS_LAYOUT_MAX_BYTES;
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}

function checkSize(file: Uint8Array): void {
  if (file.length <= BUNDLE_MAX_BYTES) return;
  throw new TooLargeError({
    expected: `a bundle of at most ${BUNDLE_MAX_BYTES} bytes`,
    got: `${file.length} bytes`,
    todo: "Split the variants over several releases.",
  });
}

function badFormat(expected: string, got: string, cause?: unknown): BundleFormatError {
  return new BundleFormatError({
    expected,
    got,
    todo: "The file is damaged or no bundle: fetch it again, or make it with `mote bundle create`.",
    cause,
  });
}
