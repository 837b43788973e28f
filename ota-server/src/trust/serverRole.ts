import { buildTargets, parseMetadata, signRole, type TargetFile, TargetsSigned } from "@mote/protocol";
import { SERVER_ROLE, type ServerKeys } from "@mote/protocol/node";
import { PreconditionError } from "../errors.js";
import type { ReleaseRecord } from "../store/releases.js";
import type { TrustFile } from "../store/trustFiles.js";
import { isVouchedFor, type Published } from "./published.js";

/** Releases that the server signs stand this long; it signs them again at half time. */
export const SERVER_TARGETS_LIFETIME_MS = 90 * 86_400_000;

/** A release as TUF names it. */
export function targetOf({ manifest, manifestLength, manifestSha256 }: ReleaseRecord): TargetFile {
  return {
    length: manifestLength,
    hashes: { sha256: manifestSha256 },
    custom: {
      name: manifest.name,
      version: manifest.version,
      sequence: manifest.sequence,
      hardware: [...new Set(manifest.variants.flatMap((variant) => variant.hardware))].sort(),
      architectureHashes: [...new Set(manifest.variants.map((v) => v.architectureHash))].sort(),
    },
  };
}

/** What the server's role names now, as far as it counts. */
export function serverTargets(published: Published | null): Readonly<Record<string, TargetFile>> {
  const held = published?.delegated[SERVER_ROLE];
  // What a key signed that was taken away (stolen, perhaps) is not carried over: each release is signed anew.
  return held === undefined || !isVouchedFor(published, held)
    ? {}
    : parseMetadata(held.body, TargetsSigned, SERVER_ROLE).signed.targets;
}

/** Server mode's delegated role over `targets`. @throws PreconditionError where the server holds no key for it */
export function buildServerRole(request: {
  readonly targets: Readonly<Record<string, TargetFile>>;
  readonly version: number;
  readonly keys: ServerKeys;
  readonly nowMs: number;
}): TrustFile {
  const { targets, version, keys, nowMs } = request;
  if (keys.targets === null) {
    throw new PreconditionError({
      expected: "a server that holds a delegated targets key (server mode)",
      got: "offline mode",
      todo: "Sign the release with `mote sign` where the targets keys are, and publish the metadata.",
    });
  }
  const signed = buildTargets({ version, expiresMs: nowMs + SERVER_TARGETS_LIFETIME_MS, targets });
  return {
    file: `${version}.${SERVER_ROLE}.json`,
    role: SERVER_ROLE,
    version,
    body: signRole(signed, [keys.targets]),
  };
}
