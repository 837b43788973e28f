import { type Static, Type } from "@sinclair/typebox";
import { Name, Sha256Hex, Version } from "../bundle/manifest.js";

/**
 * TUF 1.0 metadata (specification section 4). Unknown members are kept and signed over, as the specification asks, so
 * these schemas are open where ours elsewhere are strict.
 */

export const TOP_LEVEL_ROLES = ["root", "timestamp", "snapshot", "targets"] as const;
export type TopLevelRole = (typeof TOP_LEVEL_ROLES)[number];

/** Written into what we make; anything of the same major version is read. */
export const SPEC_VERSION = "1.0.31";

const KeyId = Type.String({ minLength: 1, maxLength: 256 });
const PositiveVersion = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
/** Seconds, always UTC. */
const UtcTime = Type.String({ pattern: "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}Z$" });

export const TufKey = Type.Object({
  keytype: Type.String(),
  scheme: Type.String(),
  keyval: Type.Object({ public: Type.String({ maxLength: 16_384 }) }),
});
export type TufKey = Static<typeof TufKey>;

export const RoleKeys = Type.Object({
  keyids: Type.Array(KeyId, { maxItems: 256, uniqueItems: true }),
  threshold: Type.Integer({ minimum: 1 }),
});
export type RoleKeys = Static<typeof RoleKeys>;

const signedBy = {
  spec_version: Type.String({ pattern: "^1\\.\\d+(\\.\\d+)?$" }),
  version: PositiveVersion,
  expires: UtcTime,
};

export const RootSigned = Type.Object({
  _type: Type.Literal("root"),
  ...signedBy,
  consistent_snapshot: Type.Optional(Type.Boolean()),
  keys: Type.Record(KeyId, TufKey),
  roles: Type.Object({ root: RoleKeys, timestamp: RoleKeys, snapshot: RoleKeys, targets: RoleKeys }),
});
export type RootSigned = Static<typeof RootSigned>;

const Hashes = Type.Record(Type.String(), Type.String({ pattern: "^[0-9a-fA-F]+$" }), { minProperties: 1 });

export const MetaFile = Type.Object({
  version: PositiveVersion,
  length: Type.Optional(Type.Integer({ minimum: 1 })),
  hashes: Type.Optional(Hashes),
});
export type MetaFile = Static<typeof MetaFile>;

export const TimestampSigned = Type.Object({
  _type: Type.Literal("timestamp"),
  ...signedBy,
  /** When the server signed it: the device's only trusted time. Mote's addition; absent in foreign repositories. */
  issued: Type.Optional(UtcTime),
  meta: Type.Object({ "snapshot.json": MetaFile }),
});
export type TimestampSigned = Static<typeof TimestampSigned>;

export const SnapshotSigned = Type.Object({
  _type: Type.Literal("snapshot"),
  ...signedBy,
  meta: Type.Record(Type.String(), MetaFile),
});
export type SnapshotSigned = Static<typeof SnapshotSigned>;

/** What is signed about a release besides its manifest's digest, so that a device can choose without fetching it. */
export const TargetCustom = Type.Object(
  {
    name: Name,
    version: Version,
    sequence: Type.Integer({ minimum: 1 }),
    hardware: Type.Array(Name, { minItems: 1, maxItems: 256 }),
    architectureHashes: Type.Optional(Type.Array(Sha256Hex, { maxItems: 64 })),
  },
  { additionalProperties: false },
);
export type TargetCustom = Static<typeof TargetCustom>;

export const TargetFile = Type.Object({
  length: Type.Integer({ minimum: 0 }),
  hashes: Hashes,
  custom: Type.Optional(Type.Unknown()),
});
export type TargetFile = Static<typeof TargetFile>;

export const DelegatedRole = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 256 }),
  keyids: Type.Array(KeyId, { maxItems: 256, uniqueItems: true }),
  threshold: Type.Integer({ minimum: 1 }),
  terminating: Type.Boolean(),
  paths: Type.Optional(Type.Array(Type.String({ maxLength: 1024 }))),
  path_hash_prefixes: Type.Optional(Type.Array(Type.String({ pattern: "^[0-9a-f]{1,64}$" }))),
});
export type DelegatedRole = Static<typeof DelegatedRole>;

/** TAP 15: 2^bit_length hash bins under one set of keys. */
export const SuccinctRoles = Type.Object({
  keyids: Type.Array(KeyId, { maxItems: 256, uniqueItems: true }),
  threshold: Type.Integer({ minimum: 1 }),
  bit_length: Type.Integer({ minimum: 1, maximum: 32 }),
  name_prefix: Type.String({ minLength: 1, maxLength: 256 }),
});
export type SuccinctRoles = Static<typeof SuccinctRoles>;

export const Delegations = Type.Object({
  keys: Type.Record(KeyId, TufKey),
  roles: Type.Optional(Type.Array(DelegatedRole, { maxItems: 1024 })),
  succinct_roles: Type.Optional(SuccinctRoles),
});
export type Delegations = Static<typeof Delegations>;

/** The signed floor: devices take no release of a product below its sequence. Counts in top-level targets only. */
export const FLOORS_MEMBER = "x-mote-floors";
export const Floors = Type.Record(Name, Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }));
export type Floors = Static<typeof Floors>;

export const TargetsSigned = Type.Object({
  _type: Type.Literal("targets"),
  ...signedBy,
  targets: Type.Record(Type.String(), TargetFile),
  delegations: Type.Optional(Delegations),
  [FLOORS_MEMBER]: Type.Optional(Floors),
});
export type TargetsSigned = Static<typeof TargetsSigned>;

export type Signed = RootSigned | TimestampSigned | SnapshotSigned | TargetsSigned;

export const Signature = Type.Object({
  keyid: KeyId,
  /** Hex; empty where a signer has yet to sign, which counts as no signature. */
  sig: Type.String({ maxLength: 16_384 }),
});
export type Signature = Static<typeof Signature>;

export const Envelope = Type.Object({
  signed: Type.Object({ _type: Type.String() }),
  signatures: Type.Array(Signature, { maxItems: 256 }),
});
