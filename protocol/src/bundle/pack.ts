import { decode, encode } from "cborg";
import { equalBytes, type Sha256, toHex, utf8 } from "../bytes.js";
import { BundleFormatError, DigestMismatchError, MoteError, TooLargeError } from "../errors.js";
import { canonicalManifest, checkManifest, parseManifest } from "./canonical.js";
import { ARTIFACT_MAX_BYTES, type ArtifactRef, MANIFEST_MAX_BYTES, type Manifest } from "./manifest.js";

/**
 * A bundle file carries a release from the bench to the server: the canonical manifest and every artifact that it
 * names, nothing else. Layout: 8 bytes magic, then one deterministic CBOR array (RFC 8949, 4.2.1)
 * `[manifest bytes, [artifact bytes, ...]]`, artifacts in ascending order of their digest. So the same inputs pack to
 * the same bytes.
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
}

/**
 * @param artifacts by SHA-256 in hex; must be exactly those that the manifest names.
 * @throws SchemaError, BundleFormatError, TooLargeError
 */
export function packBundle(bundle: {
  readonly manifest: Manifest;
  readonly artifacts: ReadonlyMap<string, Uint8Array>;
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
  const body = encode([manifestBytes, artifacts]);
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
  const [manifestBytes, parts] = readBody(file.subarray(MAGIC.length));
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
  return { manifest, manifestBytes, artifacts };
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
    add(variant.golden.artifact);
  }
  for (const image of manifest.images ?? []) add(image.artifact);
  return refs;
}

function readBody(body: Uint8Array): [Uint8Array, Uint8Array[]] {
  let value: unknown;
  try {
    value = decode(body, { strict: true, allowIndefinite: false });
  } catch (cause) {
    if (cause instanceof MoteError) throw cause;
    throw badFormat("a whole bundle file", cause instanceof Error ? cause.message : String(cause), cause);
  }
  if (Array.isArray(value) && value.length === 2) {
    const [manifestBytes, parts] = value as [unknown, unknown];
    if (manifestBytes instanceof Uint8Array && Array.isArray(parts) && parts.every(isBytes)) {
      if (manifestBytes.length <= MANIFEST_MAX_BYTES) return [manifestBytes, parts];
      throw new TooLargeError({
        expected: `a manifest of at most ${MANIFEST_MAX_BYTES} bytes`,
        got: `${manifestBytes.length} bytes`,
        todo: "Make the bundle again.",
      });
    }
  }
  throw badFormat("[manifest, [artifacts]]", "another structure");
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
