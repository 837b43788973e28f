import {
  checkSchema,
  Name,
  Offer,
  type Offer as OfferType,
  Sha256Hex,
  STATES,
  UpdateReport,
  Version,
} from "@mote/protocol";
import { type Static, Type } from "@sinclair/typebox";

/** All that an agent must still know after a power cut, in one document, so that it changes in one write. */

const strict = { additionalProperties: false } as const;
const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Union([schema, Type.Null()]);

/** A release in one of the two slots. Its manifest, artifact, golden inputs and outputs are blobs of these digests. */
export const Slot = Type.Object(
  {
    name: Name,
    version: Version,
    sequence: Type.Integer({ minimum: 1 }),
    manifestSha256: Sha256Hex,
    artifactSha256: Sha256Hex,
    goldenInputsSha256: Sha256Hex,
    goldenOutputsSha256: Sha256Hex,
  },
  strict,
);
export type Slot = Static<typeof Slot>;

export const SlotName = Type.Union([Type.Literal("a"), Type.Literal("b")]);
export type SlotName = Static<typeof SlotName>;

/** The update that is under way. */
export const UpdateRecord = Type.Object(
  {
    state: Type.Union(STATES.map((state) => Type.Literal(state))),
    offer: Nullable(Offer),
    /** What the signed manifest named; known from `downloading` on. */
    candidate: Nullable(Slot),
    /** Digests of blobs that did not lead to the artifact. */
    failedRoutes: Type.Array(Sha256Hex),
    /** Blob of the route that `applying` uses; null when the artifact is held already. */
    route: Nullable(Sha256Hex),
    downloadedBytes: Type.Integer({ minimum: 0 }),
    codec: Nullable(Type.String()),
    /** Downloads of this offer that failed. */
    attempts: Type.Integer({ minimum: 0 }),
    /** Restarts since this update began. */
    restarts: Type.Integer({ minimum: 0 }),
    /** Why it goes back, between the event that said so and the end of `reverting`. */
    code: Nullable(UpdateReport.properties.code),
    detail: Type.String(),
  },
  strict,
);
export type UpdateRecord = Static<typeof UpdateRecord>;

export const AgentState = Type.Object(
  {
    format: Type.Literal(2),
    slots: Type.Object({ a: Nullable(Slot), b: Nullable(Slot) }, strict),
    /** Which slot serves when no update is on trial. */
    confirmed: Nullable(SlotName),
    update: UpdateRecord,
    /** Reports that the server has not acknowledged, oldest first. */
    reports: Type.Array(UpdateReport),
    /** Number of the next report; with the boot's random prefix it makes an id. */
    nextReport: Type.Integer({ minimum: 0 }),
  },
  strict,
);
export type AgentState = Static<typeof AgentState>;

export const QUIET: UpdateRecord = {
  state: "idle",
  offer: null,
  candidate: null,
  failedRoutes: [],
  route: null,
  downloadedBytes: 0,
  codec: null,
  attempts: 0,
  restarts: 0,
  code: null,
  detail: "",
};

export const FRESH: AgentState = {
  format: 2,
  slots: { a: null, b: null },
  confirmed: null,
  update: QUIET,
  reports: [],
  nextReport: 1,
};

/** @throws SchemaError when the document is not an agent's state. */
export function agentStateFromJson(document: unknown): AgentState {
  return checkSchema(AgentState, document, "the agent's state");
}

export type { OfferType as UpdateOffer };
