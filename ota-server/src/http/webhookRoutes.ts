import {
  ErrorAnswer,
  Name,
  OPERATOR_PATHS,
  WebhookRequest,
  WebhookSecretAnswer,
  WebhooksAnswer,
} from "@mote/protocol";
import { Type } from "@sinclair/typebox";
import type { FastifyInstance } from "fastify";
import type { Webhooks } from "../webhooks/webhooks.js";
import type { People } from "./auth.js";

export interface WebhookDoor {
  readonly people: People;
  readonly webhooks: Webhooks;
}

const Params = Type.Object({ id: Name });
const refusals = { "4xx": ErrorAnswer };
type Named = { Params: { id: string } };

/** Admins alone: a webhook has this server send requests to an address of their choice. */
export function addWebhookRoutes(app: FastifyInstance, { people, webhooks }: WebhookDoor): void {
  app.get(
    OPERATOR_PATHS.webhooks,
    { schema: { tags: ["operator"], response: { 200: WebhooksAnswer, ...refusals } } },
    async (request): Promise<WebhooksAnswer> => {
      await people.require(request, "admin");
      return { webhooks: await webhooks.list() };
    },
  );

  app.post<{ Body: WebhookRequest }>(
    OPERATOR_PATHS.webhooks,
    {
      schema: {
        tags: ["operator"],
        body: WebhookRequest,
        response: { 200: WebhookSecretAnswer, ...refusals },
      },
    },
    async (request) => {
      await people.require(request, "admin");
      return webhooks.add(request.body);
    },
  );

  app.delete<Named>(
    OPERATOR_PATHS.webhook(":id"),
    { schema: { tags: ["operator"], params: Params, response: { 200: Type.Object({}), ...refusals } } },
    async (request) => {
      await people.require(request, "admin");
      await webhooks.remove(request.params.id);
      return {};
    },
  );

  app.post<Named>(
    OPERATOR_PATHS.webhookSecret(":id"),
    { schema: { tags: ["operator"], params: Params, response: { 200: WebhookSecretAnswer, ...refusals } } },
    async (request) => {
      await people.require(request, "admin");
      return webhooks.rotate(request.params.id);
    },
  );

  app.post<Named>(
    OPERATOR_PATHS.webhookTest(":id"),
    { schema: { tags: ["operator"], params: Params, response: { 200: Type.Object({}), ...refusals } } },
    async (request) => {
      await people.require(request, "admin");
      await webhooks.test(request.params.id);
      return {};
    },
  );
}
