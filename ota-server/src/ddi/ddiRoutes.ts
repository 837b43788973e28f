import { createHash } from "node:crypto";
import {
  DDI_PATHS,
  DdiConfigData,
  DdiFeedback,
  DdiTokenAnswer,
  DdiTokenRequest,
  DdiTokensAnswer,
  ErrorAnswer,
  OPERATOR_PATHS,
} from "@mote/protocol";
import { Type } from "@sinclair/typebox";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Clock } from "../clock.js";
import { NotFoundError } from "../errors.js";
import type { RequestLimit } from "../fleet/requestLimit.js";
import type { People } from "../http/auth.js";
import type { SignInThrottle } from "../http/throttle.js";
import { listDdiCredentials, revokeDdiCredential } from "../store/ddi.js";
import type { Store } from "../store/store.js";
import type { DdiAddress } from "./actions.js";
import type { DdiController } from "./ddiController.js";
import type { DdiDevices, KnownDevice } from "./ddiDevices.js";

export interface DdiDoor {
  readonly controller: DdiController;
  readonly devices: DdiDevices;
  readonly people: People;
  readonly throttle: SignInThrottle;
  readonly limit: RequestLimit;
  readonly store: Store;
  readonly clock: Clock;
  /** Address to write into links, where a proxy hides this server's own; null takes the one by which a request came. */
  readonly publicUrl: string | null;
}

const refusals = { "4xx": ErrorAnswer };
const Tenant = Type.String({ minLength: 1, maxLength: 64 });
const ControllerId = Type.String({ minLength: 1, maxLength: 64 });
const BaseParams = Type.Object({ tenant: Tenant, id: ControllerId });
const ActionParams = Type.Object({
  tenant: Tenant,
  id: ControllerId,
  action: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
});
type BaseParams = { tenant: string; id: string };
type ActionParams = BaseParams & { action: number };
/** What hawkBit's server calls its one tenant when nobody has named it. */
const ANY_TENANT = "default";

/** hawkBit's device interface, and the tokens for it. */
export function addDdiRoutes(app: FastifyInstance, door: DdiDoor): void {
  addDeviceSide(app, door);
  addTokenRoutes(app, door);
}

function addDeviceSide(app: FastifyInstance, door: DdiDoor): void {
  const { controller } = door;
  const enter = async (request: FastifyRequest<{ Params: BaseParams }>): Promise<KnownDevice> => {
    const { tenant, id } = request.params;
    const known = await door.throttle.attempt({ address: request.ip, account: id }, () =>
      door.devices.authenticate(request.headers.authorization, id),
    );
    door.limit.take(known.device.id);
    if (tenant.toLowerCase() === ANY_TENANT || tenant === known.device.product) return known;
    throw new NotFoundError({
      expected: `the tenant "${known.device.product}" or "${ANY_TENANT}"`,
      got: tenant.slice(0, 64),
      todo: "The tenant of this server is the product: correct the client's configuration.",
    });
  };
  const addressOf = ({ params, protocol, host }: FastifyRequest<{ Params: BaseParams }>): DdiAddress => ({
    origin: door.publicUrl ?? `${protocol}://${host}`,
    tenant: params.tenant,
    id: params.id,
  });
  const base = { tags: ["hawkbit"], params: BaseParams, response: refusals };
  const ofAction = { tags: ["hawkbit"], params: ActionParams, response: refusals };

  app.get<{ Params: BaseParams }>(
    DDI_PATHS.base(":tenant", ":id"),
    { schema: base },
    async (request, reply) => {
      const document = await controller.base(addressOf(request), await enter(request));
      const etag = `"${createHash("sha256").update(JSON.stringify(document)).digest("hex").slice(0, 32)}"`;
      reply.header("etag", etag).header("cache-control", "no-cache");
      if (request.headers["if-none-match"] === etag) return reply.status(304).send();
      return document;
    },
  );

  app.put<{ Params: BaseParams; Body: DdiConfigData }>(
    DDI_PATHS.configData(":tenant", ":id"),
    { schema: { ...base, body: DdiConfigData } },
    async (request) => {
      const known = await enter(request);
      const written = await door.devices.writtenTags(request.headers.authorization);
      await door.devices.putAttributes(known, request.body, written);
      return {};
    },
  );

  app.get<{ Params: ActionParams }>(
    DDI_PATHS.deployment(":tenant", ":id", ":action"),
    { schema: ofAction },
    async (request) => controller.deployment(addressOf(request), await enter(request), request.params.action),
  );

  app.get<{ Params: ActionParams }>(
    DDI_PATHS.installed(":tenant", ":id", ":action"),
    { schema: ofAction },
    async (request) => controller.installed(addressOf(request), await enter(request), request.params.action),
  );

  app.get<{ Params: ActionParams }>(
    DDI_PATHS.cancel(":tenant", ":id", ":action"),
    { schema: ofAction },
    async (request) => controller.cancellation(await enter(request), request.params.action),
  );

  app.post<{ Params: ActionParams; Body: DdiFeedback }>(
    DDI_PATHS.deploymentFeedback(":tenant", ":id", ":action"),
    { schema: { ...ofAction, body: DdiFeedback } },
    async (request) => {
      await controller.feedback(await enter(request), request.params.action, request.body);
      return {};
    },
  );

  app.post<{ Params: ActionParams; Body: DdiFeedback }>(
    DDI_PATHS.cancelFeedback(":tenant", ":id", ":action"),
    { schema: { ...ofAction, body: DdiFeedback } },
    async (request) => {
      await controller.cancelFeedback(await enter(request), request.params.action, request.body);
      return {};
    },
  );
}

function addTokenRoutes(app: FastifyInstance, { devices, people, store, clock }: DdiDoor): void {
  app.post<{ Body: DdiTokenRequest }>(
    OPERATOR_PATHS.ddiTokens,
    { schema: { tags: ["operator"], body: DdiTokenRequest, response: { 200: DdiTokenAnswer, ...refusals } } },
    async (request) => {
      await people.require(request, "operator");
      return devices.createToken(request.body);
    },
  );

  app.get(
    OPERATOR_PATHS.ddiTokens,
    { schema: { tags: ["operator"], response: { 200: DdiTokensAnswer, ...refusals } } },
    async (request): Promise<DdiTokensAnswer> => {
      await people.require(request, "operator");
      const all = await store.read(listDdiCredentials);
      return {
        tokens: all.map(
          ({ id, kind, deviceId, product, hardware, maxDevices, createdAtMs, revokedAtMs }) => ({
            id,
            scheme: kind === "target" ? "TargetToken" : "GatewayToken",
            deviceId,
            product,
            hardware,
            maxDevices,
            createdAtMs,
            revoked: revokedAtMs !== null,
          }),
        ),
      };
    },
  );

  app.post<{ Params: { id: string } }>(
    OPERATOR_PATHS.ddiTokenRevoke(":id"),
    {
      schema: {
        tags: ["operator"],
        params: Type.Object({ id: Type.String({ maxLength: 64 }) }),
        response: { 200: Type.Object({}), ...refusals },
      },
    },
    async (request) => {
      await people.require(request, "operator");
      const { id } = request.params;
      if (await store.write((db) => revokeDdiCredential(db, id, clock()))) return {};
      throw new NotFoundError({
        expected: "the id of a token that is not revoked",
        got: id,
        todo: "`mote device ddi-tokens` lists them.",
      });
    },
  );
}
