import { type Static, Type } from "@sinclair/typebox";
import { ArtifactRef, Name, Sha256Hex, Version } from "../bundle/manifest.js";
import { PublishLogEntry } from "../trust/publish-log.js";
import type { RolloutAction } from "./rolloutAnswers.js";

/**
 * The operator's HTTP contract: what the command line, the console and other people's programs call. Every path wants
 * `Authorization: Bearer <token>`, `/health` and `/ready` apart; every refusal is an ErrorAnswer (device.ts).
 */

const strict = { additionalProperties: false } as const;
const TimeMs = Type.Integer({ minimum: 0, description: "milliseconds since 1970, server's clock" });
const Tags = Type.Record(Name, Type.String({ maxLength: 128 }), { maxProperties: 32 });

export const OPERATOR_PATHS = {
  /** GET, no token: 200 while the process lives. */
  health: "/health",
  /** GET, no token: 200 when store, blobs, broker and trust can serve; otherwise 503 with what can't. */
  ready: "/ready",
  /** POST a bundle file (application/octet-stream): its blobs are stored, nothing is offered yet. Idempotent. */
  bundles: "/api/v1/bundles",
  /** GET: what is known, signed or not. */
  releases: "/api/v1/releases",
  release: (product: string, version: string) => `/api/v1/releases/${product}/${version}`,
  /** GET: what it was made from, what was made from it, and what its devices measure. */
  lineage: (product: string, version: string) => `/api/v1/releases/${product}/${version}/lineage`,
  /** GET: what changes for devices and consumers that come from `from`. */
  comparison: (product: string, version: string, from: string) =>
    `/api/v1/releases/${product}/${version}/compare/${from}`,
  /** GET: declared consumers of outputs, of one product with ?product=. */
  consumers: "/api/v1/consumers",
  /** PUT declares (or declares anew), DELETE forgets. */
  consumer: (id: string) => `/api/v1/consumers/${id}`,
  /** GET: roles, versions, expiries, floors, and whether the server holds a targets key. */
  trust: "/api/v1/trust",
  /** GET: public keys of the server's own roles, to be named in root before it is signed. */
  trustKeys: "/api/v1/trust/keys",
  /** PUT raw metadata bytes as `N.root.json`, `N.targets.json` or `N.<delegated role>.json`; verified before stored. */
  trustMetadata: (file: string) => `/api/v1/trust/metadata/${file}`,
  /** PUT a signed envelope for MCUs as `root-N.cose` or by the name of envelopeFile(); verified before stored. */
  trustEnvelope: (file: string) => `/api/v1/trust/envelopes/${file}`,
  /** GET ?from=N&limit=M: the append-only log of everything published (trust/publish-log.ts), and its head. */
  trustLog: "/api/v1/trust/log",
  /** POST (server mode only): the server signs an uploaded release with its delegated targets key. */
  trustSign: "/api/v1/trust/sign",
  /** POST makes one-time tokens, GET lists them without their secrets. */
  enrolmentTokens: "/api/v1/enrolment-tokens",
  /** POST makes a token of hawkBit's device interface (ddi.ts), GET lists them without their secrets. */
  ddiTokens: "/api/v1/ddi/tokens",
  /** POST: whoever holds it is turned away from now on. */
  ddiTokenRevoke: (id: string) => `/api/v1/ddi/tokens/${id}/revoke`,
  /** GET, with the filters of DeviceListQuery. */
  devices: "/api/v1/devices",
  device: (deviceId: string) => `/api/v1/devices/${deviceId}`,
  /** POST: its sessions end, it can't open new ones, and its key can't enrol again. */
  deviceRevoke: (deviceId: string) => `/api/v1/devices/${deviceId}/revoke`,
  /** POST a RolloutPlan, GET a list, newest first, with the filters of RolloutListQuery. */
  rollouts: "/api/v1/rollouts",
  /** POST a RolloutPlan: says what would happen to whom, and stores nothing. */
  rolloutDryRun: "/api/v1/rollouts/dry-run",
  /** POST a RolloutSampleRequest (rehearsal.ts): some of the devices that the plan could reach, as they are now. */
  rolloutSample: "/api/v1/rollouts/sample",
  rollout: (id: string) => `/api/v1/rollouts/${id}`,
  /** GET ?state=failed&after=ID: the devices that have heard of it. */
  rolloutDevices: (id: string) => `/api/v1/rollouts/${id}/devices`,
  /** POST a RolloutAction. */
  rolloutAction: (id: string, action: RolloutAction) => `/api/v1/rollouts/${id}/${action}`,
  /** GET, text/event-stream of ServerEvent; `Last-Event-ID` is not needed: events only say what to look at again. */
  events: "/api/v1/events",
  /** GET: the fleet at a glance. */
  fleet: "/api/v1/fleet",
  /** GET: who asks, and what they may. */
  me: "/api/v1/me",
  /** GET lists people, POST makes one (or gives one a new token and role). Admins only. */
  people: "/api/v1/people",
  personRevoke: (id: string) => `/api/v1/people/${id}/revoke`,
  /** GET: who changed what, newest first, and whether the chain of digests is whole. */
  audit: "/api/v1/audit",
  /** GET lists webhooks, POST makes one. Admins only. */
  webhooks: "/api/v1/webhooks",
  /** DELETE ends one. */
  webhook: (id: string) => `/api/v1/webhooks/${id}`,
  /** POST: a new secret. */
  webhookSecret: (id: string) => `/api/v1/webhooks/${id}/secret`,
  /** POST: a message that says nothing. */
  webhookTest: (id: string) => `/api/v1/webhooks/${id}/test`,
  /** GET, Prometheus text format. */
  metrics: "/metrics",
  openapi: "/openapi.json",
} as const;

export const HealthAnswer = Type.Object({ status: Type.Literal("ok"), version: Type.String() }, strict);
export type HealthAnswer = Static<typeof HealthAnswer>;

export const ReadyAnswer = Type.Object(
  { ready: Type.Boolean(), problems: Type.Array(Type.String()), notes: Type.Array(Type.String()) },
  strict,
);
export type ReadyAnswer = Static<typeof ReadyAnswer>;

/** Is the release named by signed metadata that devices will accept? */
export const SignedBy = Type.Union([Type.Literal("nobody"), Type.Literal("offline"), Type.Literal("server")]);

export const ReleaseView = Type.Object(
  {
    product: Name,
    version: Version,
    sequence: Type.Integer({ minimum: 1 }),
    /** TUF target path. */
    target: Type.String(),
    manifest: ArtifactRef,
    signedBy: SignedBy,
    /** Below the signed floor: can't be offered any more. */
    retired: Type.Boolean(),
    uploadedAtMs: TimeMs,
    variants: Type.Array(
      Type.Object(
        {
          id: Name,
          hardware: Type.Array(Name),
          runtime: Type.String(),
          architectureHash: Sha256Hex,
          artifact: ArtifactRef,
        },
        strict,
      ),
    ),
    accuracy: Type.Union([Type.Number(), Type.Null()]),
    /** Devices that run it now. */
    devices: Type.Integer({ minimum: 0 }),
  },
  strict,
);
export type ReleaseView = Static<typeof ReleaseView>;

export const ReleasesAnswer = Type.Object({ releases: Type.Array(ReleaseView) }, strict);
export type ReleasesAnswer = Static<typeof ReleasesAnswer>;

export const TrustRole = Type.Object(
  {
    role: Type.String(),
    version: Type.Integer({ minimum: 1 }),
    expiresMs: TimeMs,
    threshold: Type.Integer({ minimum: 1 }),
    keyIds: Type.Array(Type.String()),
  },
  strict,
);

export const TrustAnswer = Type.Object(
  {
    /** "none" until a root is stored; "server" when the server holds a delegated targets key. */
    mode: Type.Union([Type.Literal("none"), Type.Literal("offline"), Type.Literal("server")]),
    roles: Type.Array(TrustRole),
    floors: Type.Record(Name, Type.Integer({ minimum: 0 })),
    warnings: Type.Array(Type.String()),
  },
  strict,
);
export type TrustAnswer = Static<typeof TrustAnswer>;

export const PublicKeyView = Type.Object({ keyId: Type.String(), publicKey: Sha256Hex }, strict);

export const TrustKeysAnswer = Type.Object(
  {
    timestamp: PublicKeyView,
    snapshot: PublicKeyView,
    /** Null unless the server was started with a delegated targets key (server mode). */
    targets: Type.Union([PublicKeyView, Type.Null()]),
  },
  strict,
);
export type TrustKeysAnswer = Static<typeof TrustKeysAnswer>;

export const MetadataStoredAnswer = Type.Object(
  { file: Type.String(), role: Type.String(), version: Type.Integer({ minimum: 1 }), sha256: Sha256Hex },
  strict,
);
export type MetadataStoredAnswer = Static<typeof MetadataStoredAnswer>;

export const EnvelopeStoredAnswer = Type.Object({ file: Type.String(), sha256: Sha256Hex }, strict);
export type EnvelopeStoredAnswer = Static<typeof EnvelopeStoredAnswer>;

/** Entries of one answer to GET trustLog at most. */
export const PUBLISH_LOG_PAGE = 1000;

export const PublishLogQuery = Type.Object(
  {
    from: Type.Optional(Type.Integer({ minimum: 0 })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: PUBLISH_LOG_PAGE })),
  },
  strict,
);
export type PublishLogQuery = Static<typeof PublishLogQuery>;

export const PublishLogAnswer = Type.Object(
  {
    entries: Type.Array(PublishLogEntry),
    head: Type.Object({ length: Type.Integer({ minimum: 0 }), sha256: Sha256Hex }, strict),
  },
  strict,
);
export type PublishLogAnswer = Static<typeof PublishLogAnswer>;

export const SignRequest = Type.Object({ product: Name, version: Version }, strict);
export type SignRequest = Static<typeof SignRequest>;

export const SignAnswer = Type.Object(
  { target: Type.String(), role: Type.String(), roleVersion: Type.Integer({ minimum: 1 }) },
  strict,
);
export type SignAnswer = Static<typeof SignAnswer>;

export const EnrolmentTokensRequest = Type.Object(
  {
    product: Name,
    /** How many tokens. */
    count: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
    /** Devices that each token may bring in, for a production line; left out: one, and only with its first key. */
    maxDevices: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
    /** When present, only a device of this class may use the token. */
    hardware: Type.Optional(Name),
    /** Written onto the device; they win over what the device claims. */
    tags: Type.Optional(Tags),
    expiresInS: Type.Optional(Type.Integer({ minimum: 1, maximum: 366 * 86_400 })),
  },
  strict,
);
export type EnrolmentTokensRequest = Static<typeof EnrolmentTokensRequest>;

/** The secrets are shown this once; the server keeps their digests. */
export const EnrolmentTokensAnswer = Type.Object(
  {
    tokens: Type.Array(Type.Object({ id: Type.String(), token: Type.String(), expiresAtMs: TimeMs }, strict)),
  },
  strict,
);
export type EnrolmentTokensAnswer = Static<typeof EnrolmentTokensAnswer>;

export const EnrolmentTokenList = Type.Object(
  {
    tokens: Type.Array(
      Type.Object(
        {
          id: Type.String(),
          product: Name,
          hardware: Type.Union([Name, Type.Null()]),
          tags: Tags,
          expiresAtMs: TimeMs,
          usedBy: Type.Union([Name, Type.Null()]),
          maxDevices: Type.Integer({ minimum: 1 }),
          /** Devices that a token for many has brought in. */
          used: Type.Integer({ minimum: 0 }),
        },
        strict,
      ),
    ),
  },
  strict,
);
export type EnrolmentTokenList = Static<typeof EnrolmentTokenList>;

export const ServerEvent = Type.Object(
  {
    type: Type.Union([
      Type.Literal("device"),
      Type.Literal("report"),
      Type.Literal("telemetry"),
      Type.Literal("rollout"),
      Type.Literal("release"),
      Type.Literal("trust"),
    ]),
    atMs: TimeMs,
    deviceId: Type.Optional(Name),
    rolloutId: Type.Optional(Type.String()),
    text: Type.Optional(Type.String()),
  },
  strict,
);
export type ServerEvent = Static<typeof ServerEvent>;

export const FleetAnswer = Type.Object(
  {
    devices: Type.Integer({ minimum: 0 }),
    online: Type.Integer({ minimum: 0 }),
    products: Type.Array(
      Type.Object(
        {
          product: Name,
          devices: Type.Integer({ minimum: 0 }),
          /** By running release; sequence 0 for devices without any. */
          versions: Type.Array(
            Type.Object(
              {
                sequence: Type.Integer({ minimum: 0 }),
                version: Type.Union([Version, Type.Null()]),
                devices: Type.Integer({ minimum: 0 }),
              },
              strict,
            ),
          ),
        },
        strict,
      ),
    ),
    frames: Type.Integer({ minimum: 0 }),
    reports: Type.Integer({ minimum: 0 }),
    activeRollouts: Type.Array(Type.String()),
  },
  strict,
);
export type FleetAnswer = Static<typeof FleetAnswer>;

/** Each role may do what the ones before it may. */
export const ROLES = ["viewer", "operator", "approver", "release-manager", "admin"] as const;
export const Role = Type.Union(ROLES.map((role) => Type.Literal(role)));
export type Role = Static<typeof Role>;

export const MeAnswer = Type.Object({ id: Type.String(), role: Role }, strict);
export type MeAnswer = Static<typeof MeAnswer>;

export const PersonRequest = Type.Object({ id: Name, role: Role }, strict);
export type PersonRequest = Static<typeof PersonRequest>;

/** The token is shown this once; the server keeps its digest. */
export const PersonAnswer = Type.Object({ id: Name, role: Role, token: Type.String() }, strict);
export type PersonAnswer = Static<typeof PersonAnswer>;

export const PeopleAnswer = Type.Object(
  {
    people: Type.Array(
      Type.Object({ id: Name, role: Type.String(), createdAtMs: TimeMs, revoked: Type.Boolean() }, strict),
    ),
  },
  strict,
);
export type PeopleAnswer = Static<typeof PeopleAnswer>;

/** `sha256` is over the entry and the digest of the one before: none can be changed or left out unnoticed. */
export const AuditEntry = Type.Object(
  {
    number: Type.Integer({ minimum: 1 }),
    atMs: TimeMs,
    by: Type.String(),
    action: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    sha256: Sha256Hex,
  },
  strict,
);
export type AuditEntry = Static<typeof AuditEntry>;

export const AuditAnswer = Type.Object(
  {
    entries: Type.Array(AuditEntry),
    /** Number of the first entry at fault; null where none was found. A long log is checked in parts, one at each reading. */
    brokenAt: Type.Union([Type.Integer(), Type.Null()]),
    /** When the last check of all entries began that found no fault; null before the first since the server's start. */
    wholeAtMs: Type.Union([TimeMs, Type.Null()]),
  },
  strict,
);
export type AuditAnswer = Static<typeof AuditAnswer>;
