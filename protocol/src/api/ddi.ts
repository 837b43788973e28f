import { type Static, Type } from "@sinclair/typebox";
import { Name } from "../bundle/manifest.js";

/**
 * hawkBit's Direct Device Integration API, version 1, as update clients of the field speak it (SWUpdate, RAUC, Zephyr),
 * and how an operator hands out its tokens. Unknown fields are let through: clients of ten years send what their
 * hawkBit knew.
 */

const strict = { additionalProperties: false } as const;
const TimeMs = Type.Integer({ minimum: 0 });

/** Below `/{tenant}/controller/v1/{controllerId}`; the tenant is the product, or "default". */
export const DDI_PATHS = {
  base: (tenant: string, id: string) => `/${tenant}/controller/v1/${id}`,
  configData: (tenant: string, id: string) => `/${tenant}/controller/v1/${id}/configData`,
  deployment: (tenant: string, id: string, action: number | string) =>
    `/${tenant}/controller/v1/${id}/deploymentBase/${action}`,
  deploymentFeedback: (tenant: string, id: string, action: number | string) =>
    `/${tenant}/controller/v1/${id}/deploymentBase/${action}/feedback`,
  cancel: (tenant: string, id: string, action: number | string) =>
    `/${tenant}/controller/v1/${id}/cancelAction/${action}`,
  cancelFeedback: (tenant: string, id: string, action: number | string) =>
    `/${tenant}/controller/v1/${id}/cancelAction/${action}/feedback`,
  installed: (tenant: string, id: string, action: number | string) =>
    `/${tenant}/controller/v1/${id}/installedBase/${action}`,
} as const;

export const DDI_EXECUTIONS = [
  "closed",
  "proceeding",
  "canceled",
  "scheduled",
  "rejected",
  "resumed",
  "downloaded",
  "download",
] as const;

/** What a client says of an action. `time`, `timestamp` and `id` are read by nobody: the path names the action. */
export const DdiFeedback = Type.Object({
  id: Type.Optional(Type.Union([Type.String({ maxLength: 64 }), Type.Number()])),
  status: Type.Object({
    execution: Type.Union(DDI_EXECUTIONS.map((one) => Type.Literal(one))),
    result: Type.Object({
      finished: Type.Union([Type.Literal("success"), Type.Literal("failure"), Type.Literal("none")]),
    }),
    code: Type.Optional(Type.Union([Type.Integer(), Type.Null()])),
    details: Type.Optional(
      Type.Union([
        Type.Array(Type.String({ maxLength: 4096 }), { maxItems: 512 }),
        Type.String({ maxLength: 4096 }),
        Type.Null(),
      ]),
    ),
  }),
});
export type DdiFeedback = Static<typeof DdiFeedback>;

/** Facts that a client tells of its device; those that can be tags become tags. */
export const DdiConfigData = Type.Object({
  mode: Type.Optional(
    Type.Union([Type.Literal("merge"), Type.Literal("replace"), Type.Literal("remove"), Type.Null()]),
  ),
  data: Type.Record(Type.String({ minLength: 1, maxLength: 128 }), Type.String({ maxLength: 1024 }), {
    maxProperties: 128,
  }),
});
export type DdiConfigData = Static<typeof DdiConfigData>;

/**
 * Registers one device (`deviceId`: a TargetToken), or makes a token with which a gateway may bring in up to
 * `maxDevices` of them (a GatewayToken). A device's new token ends the one before.
 */
export const DdiTokenRequest = Type.Object(
  {
    deviceId: Type.Optional(Name),
    product: Name,
    hardware: Name,
    tags: Type.Optional(Type.Record(Name, Type.String({ maxLength: 128 }), { maxProperties: 32 })),
    maxDevices: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
  },
  strict,
);
export type DdiTokenRequest = Static<typeof DdiTokenRequest>;

/** The token is shown this once; the server keeps its digest. */
export const DdiTokenAnswer = Type.Object(
  {
    id: Type.String(),
    token: Type.String(),
    /** What stands before the token in the Authorization header. */
    scheme: Type.Union([Type.Literal("TargetToken"), Type.Literal("GatewayToken")]),
  },
  strict,
);
export type DdiTokenAnswer = Static<typeof DdiTokenAnswer>;

export const DdiTokensAnswer = Type.Object(
  {
    tokens: Type.Array(
      Type.Object(
        {
          id: Type.String(),
          scheme: Type.Union([Type.Literal("TargetToken"), Type.Literal("GatewayToken")]),
          deviceId: Type.Union([Name, Type.Null()]),
          product: Name,
          hardware: Name,
          maxDevices: Type.Integer({ minimum: 1 }),
          createdAtMs: TimeMs,
          revoked: Type.Boolean(),
        },
        strict,
      ),
    ),
  },
  strict,
);
export type DdiTokensAnswer = Static<typeof DdiTokensAnswer>;
