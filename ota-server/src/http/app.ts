import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import swagger from "@fastify/swagger";
import { ErrorAnswer, OPERATOR_PATHS } from "@mote/protocol";
import { Type } from "@sinclair/typebox";
import fastify, { type FastifyInstance } from "fastify";
import { addDdiRoutes, type DdiDoor } from "../ddi/ddiRoutes.js";
import type { Log } from "../log.js";
import type { Metrics } from "../monitor/metrics.js";
import type { TlsFiles } from "../tls.js";
import { addBlobRoutes, type BlobDoor } from "./blobRoutes.js";
import { useBookkeeping } from "./bookkeeping.js";
import { addCatalogRoutes, type CatalogDoor } from "./catalogRoutes.js";
import { addConsoleRoutes, type ConsoleDoor } from "./consoleRoutes.js";
import { addDeviceRoutes, type DeviceDoor } from "./deviceRoutes.js";
import { routerErrorForm, useErrorForm, useNotFoundForm } from "./errors.js";
import { addLiveRoutes, type LiveDoor } from "./liveRoutes.js";
import { addOperatorRoutes, type OperatorDoor } from "./operatorRoutes.js";
import { addPeopleRoutes, type PeopleDoor } from "./peopleRoutes.js";
import { addPollRoute, type PollDoor } from "./pollRoute.js";
import { addRolloutRoutes, type RolloutDoor } from "./rolloutRoutes.js";
import { useBoundedJson, useContractValidation } from "./validation.js";
import { addWebhookRoutes, type WebhookDoor } from "./webhookRoutes.js";

export const HTTP_LIMITS = {
  /** JSON bodies; bundles and metadata have limits of their own. */
  bodyMaxBytes: 256 * 1024,
  requestTimeoutMs: 120_000,
  /** A client that takes longer to say what it wants is no client. */
  headersTimeoutMs: 10_000,
  checkEveryMs: 2_000,
  idleTimeoutMs: 120_000,
  /** Longer paths are not ours. */
  maxParamLength: 256,
} as const;

export interface AppParts {
  readonly blobs: BlobDoor;
  readonly log: Log;
  readonly tls: TlsFiles | null;
  /** Addresses or networks of proxies in front. */
  readonly trustProxy: readonly string[];
  readonly device: DeviceDoor;
  readonly poll: PollDoor;
  readonly ddi: DdiDoor;
  readonly operator: OperatorDoor;
  readonly catalog: CatalogDoor;
  readonly rollout: RolloutDoor;
  readonly people: PeopleDoor;
  readonly webhooks: WebhookDoor;
  readonly metrics: Metrics;
  readonly live: LiveDoor;
  readonly console: ConsoleDoor;
}

/** Ids that no other process makes, at the price of a count. */
function requestIds(): () => string {
  const process = randomUUID();
  let made = 0;
  // Joined to one flat string: a template would be a rope, which every look at it has to wind up.
  return () => [process, ++made].join("-");
}

/** All HTTP doors, not listening yet. */
export async function createApp(parts: AppParts): Promise<FastifyInstance> {
  const app = fastify({
    logger: false,
    bodyLimit: HTTP_LIMITS.bodyMaxBytes,
    routerOptions: { maxParamLength: HTTP_LIMITS.maxParamLength },
    genReqId: requestIds(),
    forceCloseConnections: true,
    frameworkErrors: routerErrorForm(parts.log),
    trustProxy: parts.trustProxy.length === 0 ? false : [...parts.trustProxy],
    serverFactory(handler) {
      // How often Node looks for connections that are past their time.
      const options = { connectionsCheckingInterval: HTTP_LIMITS.checkEveryMs };
      const server =
        parts.tls === null
          ? createServer(options, handler)
          : createTlsServer({ ...parts.tls, ...options }, handler);
      server.requestTimeout = HTTP_LIMITS.requestTimeoutMs;
      server.headersTimeout = HTTP_LIMITS.headersTimeoutMs;
      server.setTimeout(HTTP_LIMITS.idleTimeoutMs);
      return server;
    },
  });
  useContractValidation(app);
  useBoundedJson(app);
  useErrorForm(app, parts.log);
  app.addContentTypeParser("application/octet-stream", { parseAs: "buffer" }, (_request, body, done) =>
    done(null, body),
  );
  await app.register(swagger, {
    openapi: {
      // TypeBox writes the JSON Schema of 2020-12, which is that of OpenAPI 3.1.
      openapi: "3.1.0",
      info: { title: "Mote OTA server", version: parts.live.version },
      components: { securitySchemes: { bearer: { type: "http", scheme: "bearer" } } },
    },
  });
  // In scopes of their own: hooks would cost a poll more than all that it asks for.
  app.register(async (scope) => addPollRoute(scope, parts.poll, parts));
  app.register(async (scope) => addOtherRoutes(scope, parts));
  return app;
}

function addOtherRoutes(app: FastifyInstance, parts: AppParts): void {
  useBookkeeping(app, parts);
  useNotFoundForm(app, parts.log);
  // First: its hooks hold for the routes that follow.
  addPeopleRoutes(app, parts.people);
  addDeviceRoutes(app, parts.device);
  addBlobRoutes(app, parts.blobs);
  addDdiRoutes(app, parts.ddi);
  addOperatorRoutes(app, parts.operator);
  addCatalogRoutes(app, parts.catalog);
  addRolloutRoutes(app, parts.rollout);
  addWebhookRoutes(app, parts.webhooks);
  addLiveRoutes(app, parts.live);
  addConsoleRoutes(app, parts.console);
  app.get(
    OPERATOR_PATHS.metrics,
    {
      schema: {
        tags: ["operations"],
        response: { 200: { content: { "text/plain": { schema: Type.String() } } }, "4xx": ErrorAnswer },
      },
    },
    async (request, reply) => {
      await parts.people.people.require(request, "viewer");
      return reply.type(parts.metrics.contentType).send(await parts.metrics.text());
    },
  );
  app.get(OPERATOR_PATHS.openapi, { schema: { hide: true } }, async () => app.swagger());
}
