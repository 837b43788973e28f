import {
  ConsumerListQuery,
  ConsumerRequest,
  ConsumersAnswer,
  ConsumerView,
  ErrorAnswer,
  LineageAnswer,
  Name,
  OPERATOR_PATHS,
  ReleaseComparison,
  Version,
} from "@mote/protocol";
import { Type } from "@sinclair/typebox";
import type { FastifyInstance } from "fastify";
import type { Catalog } from "../catalog/catalog.js";
import type { Consumers } from "../catalog/consumers.js";
import type { RolloutEngine } from "../rollout/engine.js";
import type { People } from "./auth.js";

export interface CatalogDoor {
  readonly people: People;
  readonly catalog: Catalog;
  readonly consumers: Consumers;
  readonly engine: RolloutEngine;
}

const refusals = { "4xx": ErrorAnswer };
const ReleaseParams = Type.Object({ product: Name, version: Version });
const ComparisonParams = Type.Object({ product: Name, version: Version, from: Version });
const ConsumerParams = Type.Object({ id: Name });

/** Where releases come from, how they differ, and who reads their outputs. */
export function addCatalogRoutes(
  app: FastifyInstance,
  { people, catalog, consumers, engine }: CatalogDoor,
): void {
  app.get<{ Params: { product: string; version: string } }>(
    OPERATOR_PATHS.lineage(":product", ":version"),
    { schema: { tags: ["operator"], params: ReleaseParams, response: { 200: LineageAnswer, ...refusals } } },
    async (request): Promise<LineageAnswer> => {
      await people.require(request, "viewer");
      const { product, version } = request.params;
      const rollouts = engine.list().filter((state) => state.plan.product === product);
      return catalog.lineage(
        product,
        version,
        rollouts.map(({ id, name, sequence }) => ({ id, state: name, sequence })),
      );
    },
  );

  app.get<{ Params: { product: string; version: string; from: string } }>(
    OPERATOR_PATHS.comparison(":product", ":version", ":from"),
    {
      schema: {
        tags: ["operator"],
        params: ComparisonParams,
        response: { 200: ReleaseComparison, ...refusals },
      },
    },
    async (request): Promise<ReleaseComparison> => {
      await people.require(request, "viewer");
      const { product, version, from } = request.params;
      return catalog.compare(product, from, version);
    },
  );

  app.get<{ Querystring: ConsumerListQuery }>(
    OPERATOR_PATHS.consumers,
    {
      schema: {
        tags: ["operator"],
        querystring: ConsumerListQuery,
        response: { 200: ConsumersAnswer, ...refusals },
      },
    },
    async (request): Promise<ConsumersAnswer> => {
      await people.require(request, "viewer");
      return { consumers: await consumers.list(request.query.product) };
    },
  );

  app.put<{ Params: { id: string }; Body: ConsumerRequest }>(
    OPERATOR_PATHS.consumer(":id"),
    {
      schema: {
        tags: ["operator"],
        params: ConsumerParams,
        body: ConsumerRequest,
        response: { 200: ConsumerView, ...refusals },
      },
    },
    async (request) => {
      const person = await people.require(request, "operator");
      return consumers.declare(request.params.id, request.body, person.id);
    },
  );

  app.delete<{ Params: { id: string } }>(
    OPERATOR_PATHS.consumer(":id"),
    {
      schema: { tags: ["operator"], params: ConsumerParams, response: { 200: Type.Object({}), ...refusals } },
    },
    async (request) => {
      await people.require(request, "operator");
      await consumers.forget(request.params.id);
      return {};
    },
  );
}
