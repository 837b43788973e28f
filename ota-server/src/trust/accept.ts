import {
  MetadataMismatchError,
  parseMetadata,
  RootSigned,
  TargetsSigned,
  type TrustKeysAnswer,
  verifyNextRoot,
} from "@mote/protocol";
import { nodeSha256, nodeVerify } from "@mote/protocol/node";
import { ConflictError, PreconditionError } from "../errors.js";
import type { TrustFile } from "../store/trustFiles.js";
import type { Published } from "./published.js";

/** What people bring, judged by order, name and version before a device's refresh is rehearsed on it (rehearse.ts). */

const DEPS = { sha256: nodeSha256, verify: nodeVerify };
const NAME = /^(\d{1,15})\.([A-Za-z0-9][A-Za-z0-9._-]{0,63})\.json$/;

/** @throws PreconditionError for a name that people don't publish under */
export function namedFile(name: string, body: Uint8Array): TrustFile {
  const match = NAME.exec(name);
  const role = match?.[2];
  if (match === null || role === undefined || role === "snapshot" || role === "timestamp") {
    throw new PreconditionError({
      expected: "N.root.json, N.targets.json or N.<delegated role>.json",
      got: JSON.stringify(name.slice(0, 80)),
      todo: "The server signs snapshot and timestamp itself.",
    });
  }
  return { file: name, role, version: Number(match[1]), body };
}

/**
 * @param own the server's public keys, which root must let sign freshness
 * @returns what is published with this root in the place of the one before
 */
export function acceptRoot(file: TrustFile, published: Published | null, own: TrustKeysAnswer): Published {
  const root = parseMetadata(file.body, RootSigned, "root").signed;
  if (root.version !== file.version) throw versionMismatch(file, root.version);
  for (const role of ["snapshot", "timestamp"] as const) {
    if (!root.roles[role].keyids.includes(own[role].keyId) || root.roles[role].threshold !== 1) {
      throw new PreconditionError({
        expected: `a root that lets this server's key ${own[role].keyId} sign ${role} alone`,
        got: `key ids ${root.roles[role].keyids.join(", ")} with threshold ${root.roles[role].threshold}`,
        todo: "Where the server's keys were changed, start it with their new folder first (--server-keys); else make the root with this server's public keys.",
      });
    }
  }
  if (published === null)
    return { root: file, targets: null, delegated: {}, snapshot: null, timestamp: null };
  if (file.version !== published.root.version + 1) {
    throw new PreconditionError({
      expected: `root version ${published.root.version + 1}`,
      got: `version ${file.version}`,
      todo: "Publish the roots in order.",
    });
  }
  verifyNextRoot(parseMetadata(published.root.body, RootSigned, "root").signed, file.body, DEPS);
  return { ...published, root: file };
}

/** @returns what is published with this role, and a target in it that leads a device's search there */
export function acceptTargets(
  file: TrustFile,
  published: Published | null,
): { next: Published; path: string | undefined } {
  if (published === null) throw noRoot();
  if (file.role !== "targets" && published.targets === null) {
    throw new PreconditionError({
      expected: `stored targets metadata that delegates to "${file.role}"`,
      got: "none",
      todo: "Publish targets first.",
    });
  }
  const signed = parseMetadata(file.body, TargetsSigned, file.role).signed;
  if (signed.version !== file.version) throw versionMismatch(file, signed.version);
  const before = file.role === "targets" ? published.targets : published.delegated[file.role];
  if (before && file.version <= before.version) {
    throw new ConflictError({
      expected: `${file.role} metadata beyond version ${before.version}`,
      got: `version ${file.version}`,
      todo: "Sign it again with a higher version.",
    });
  }
  const next: Published =
    file.role === "targets"
      ? { ...published, targets: file }
      : { ...published, delegated: { ...published.delegated, [file.role]: file } };
  return { next, path: Object.keys(signed.targets)[0] };
}

export function noRoot(): PreconditionError {
  return new PreconditionError({
    expected: "a stored root before anything else",
    got: "none",
    todo: "Publish 1.root.json first.",
  });
}

function versionMismatch(file: TrustFile, version: number): MetadataMismatchError {
  return new MetadataMismatchError({
    expected: `version ${file.version}, as the name ${file.file} says`,
    got: `version ${version}`,
    todo: "Name the file after the version inside of it.",
  });
}
