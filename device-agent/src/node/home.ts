import { stat } from "node:fs/promises";
import { join } from "node:path";
import {
  checkSchema,
  Name,
  pinRoot,
  type TrustState,
  trustStateFromJson,
  trustStateToJson,
} from "@mote/protocol";
import { type Static, Type } from "@sinclair/typebox";
import type { AgentStores, Document } from "../core/ports.js";
import { agentStateFromJson } from "../core/state.js";
import { telemetryOutboxFromJson } from "../core/telemetry-outbox.js";
import { AgentStateError } from "../errors.js";
import { type BlobFilesOptions, openBlobFiles } from "./blob-files.js";
import { durableDocument } from "./durable-document.js";

/**
 * The agent's state folder:
 *
 *   identity.json    who this device is and whom it belongs to; written once, by enrolment
 *   device.key       its Ed25519 secret
 *   trust.json       pinned root, newest metadata, floors
 *   state.json       slots, the update under way, reports not yet acknowledged
 *   telemetry.json   frames not yet acknowledged
 *   blobs/           models, manifests, golden vectors and patches by digest
 */

export const Identity = Type.Object(
  {
    format: Type.Literal(1),
    deviceId: Name,
    product: Name,
    hardware: Name,
    serverUrl: Type.String({ minLength: 1 }),
    mqttUrl: Type.String({ minLength: 1 }),
    pollIntervalS: Type.Number({ exclusiveMinimum: 0 }),
    /** The device's public key: proof that identity and key belong together. */
    publicKey: Type.String({ pattern: "^[0-9a-f]{64}$" }),
  },
  { additionalProperties: false },
);
export type Identity = Static<typeof Identity>;

export function identityDocument(folder: string): Document<Identity> {
  return durableDocument<Identity>(join(folder, "identity.json"), {
    toJson: (identity) => identity,
    fromJson: (document) => checkSchema(Identity, document, "the device's identity"),
  });
}

export function trustDocument(folder: string): Document<TrustState> {
  return durableDocument(join(folder, "trust.json"), {
    toJson: trustStateToJson,
    fromJson: trustStateFromJson,
  });
}

export function deviceKeyPath(folder: string): string {
  return join(folder, "device.key");
}

/** @throws AgentStateError when nobody has enrolled this device yet */
export async function loadIdentity(folder: string): Promise<Identity> {
  const identity = (await exists(folder)) ? await identityDocument(folder).load() : null;
  if (identity !== null) return identity;
  throw new AgentStateError({
    expected: `an enrolled device in ${folder}`,
    got: "no identity.json",
    todo: "Enrol it first: mote-agent enroll --server URL --token T --root FILE --state DIR --id ID --hardware CLASS",
  });
}

export async function openStores(folder: string, options: BlobFilesOptions = {}): Promise<AgentStores> {
  const same = <T>(value: T): unknown => value;
  return {
    state: durableDocument(join(folder, "state.json"), { toJson: same, fromJson: agentStateFromJson }),
    trust: trustDocument(folder),
    telemetry: durableDocument(join(folder, "telemetry.json"), {
      toJson: same,
      fromJson: telemetryOutboxFromJson,
    }),
    blobs: await openBlobFiles(join(folder, "blobs"), options),
  };
}

/** Pins the root that a person brought. Throws what checkPin throws. */
export async function pin(folder: string, rootBytes: Uint8Array): Promise<void> {
  if (!(await checkPin(folder, rootBytes))) await trustDocument(folder).save(pinRoot(rootBytes));
}

/**
 * May this root be pinned? Another one than before is refused: whoever can pin that owns the device.
 *
 * @returns whether it is pinned already.
 * @throws MetadataFormatError for a file that is no root, AgentStateError
 */
export async function checkPin(folder: string, rootBytes: Uint8Array): Promise<boolean> {
  pinRoot(rootBytes);
  const held = (await exists(folder)) ? await trustDocument(folder).load() : null;
  if (held === null) return false;
  if (Buffer.from(held.root).equals(Buffer.from(rootBytes))) return true;
  throw new AgentStateError({
    expected: "the root that this device pinned before",
    got: "another root",
    todo: "A rotated root comes over the air by itself. For another owner, remove the state folder and enrol anew.",
  });
}

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
