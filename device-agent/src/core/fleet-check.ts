import {
  equalBytes,
  parseMetadata,
  RootSigned,
  TRUST_LIMITS,
  type TrustDeps,
  TrustError,
  toHex,
  verifyNextRoot,
} from "@mote/protocol";
import { OtherFleetError } from "../errors.js";

export interface FleetCheckDeps extends TrustDeps {
  /** Null where the server has no such file. */
  readonly metadata: (file: string, maxBytes: number) => Promise<Uint8Array | null>;
}

/**
 * Does the server serve the fleet whose root this device holds? Nothing is taken from the server by it: what it says can
 * only keep a device out.
 *
 * @returns false where the server has published no root yet, so that it can't be told.
 * @throws OtherFleetError, MetadataFormatError for what is no root
 */
export async function isOfFleet(rootBytes: Uint8Array, deps: FleetCheckDeps): Promise<boolean> {
  const held = parseMetadata(rootBytes, RootSigned, "root");
  const { version } = held.signed;
  const digest = (bytes: Uint8Array) => `SHA-256 ${toHex(deps.sha256(bytes))}`;
  const published = (of: number) => deps.metadata(`${of}.root.json`, TRUST_LIMITS.rootMaxBytes);
  const other = (got: string, cause?: unknown) =>
    new OtherFleetError({
      expected: `a server of the fleet whose root ${version} this device holds (${digest(rootBytes)})`,
      got,
      todo: "Nothing was stored. Check the server's address; if it is right, take root.json from whoever keeps that fleet's keys (mote keys show). A root that is newer than the server's must be published there first.",
      cause,
    });

  const same = await published(version);
  if (same !== null) {
    // What is signed, and not by how many: a root that was published with one signature more is the same one.
    if (equalBytes(parseMetadata(same, RootSigned, "root").message, held.message)) return true;
    throw other(`a server whose root ${version} is another one (${digest(same)})`);
  }
  // A server may have begun with a later root, and a device may have been made with one that is still to come.
  const next = await published(version + 1);
  const before = next === null && version > 1 ? await published(version - 1) : null;
  try {
    if (next !== null) return verifyNextRoot(held.signed, next, deps).version > version;
    if (before !== null) {
      const { signed } = parseMetadata(before, RootSigned, "root");
      return verifyNextRoot(signed, rootBytes, deps).version === version;
    }
  } catch (cause) {
    if (!(cause instanceof TrustError)) throw cause;
    const neighbour = next === null ? version - 1 : version + 1;
    const text = `a server whose root ${neighbour} (${digest((next ?? before)!)}) does not go with it`;
    throw other(text, cause);
  }
  if (version > 2 && (await published(1)) !== null) {
    throw other(`a server whose roots end before version ${version - 1}`);
  }
  return false;
}
