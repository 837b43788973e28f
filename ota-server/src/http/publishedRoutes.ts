import {
  ENVELOPE_MAX_BYTES,
  EnvelopeStoredAnswer,
  ErrorAnswer,
  OPERATOR_PATHS,
  PUBLISH_LOG_PAGE,
  PublishLogAnswer,
  PublishLogQuery,
} from "@mote/protocol";
import { Type } from "@sinclair/typebox";
import type { FastifyInstance } from "fastify";
import { sha256Hex } from "../secrets.js";
import type { TrustRepository } from "../trust/repository.js";
import type { People } from "./auth.js";
import { BinaryBody } from "./validation.js";

const refusals = { "4xx": ErrorAnswer };

/** Envelopes for MCUs, and the log of everything published. */
export function addPublishedRoutes(
  app: FastifyInstance,
  { people, trust }: { readonly people: People; readonly trust: TrustRepository },
): void {
  app.put<{ Params: { file: string }; Body: Buffer }>(
    OPERATOR_PATHS.trustEnvelope(":file"),
    {
      bodyLimit: ENVELOPE_MAX_BYTES,
      schema: {
        tags: ["operator"],
        params: Type.Object({ file: Type.String({ maxLength: 200 }) }),
        consumes: ["application/octet-stream"],
        body: BinaryBody,
        response: { 200: EnvelopeStoredAnswer, ...refusals },
      },
      onRequest: async (request) => void (await people.require(request, "release-manager")),
    },
    async ({ params, body }): Promise<EnvelopeStoredAnswer> => {
      const bytes = new Uint8Array(body);
      await trust.putEnvelope(params.file, bytes);
      return { file: params.file, sha256: sha256Hex(bytes) };
    },
  );

  app.get<{ Querystring: PublishLogQuery }>(
    OPERATOR_PATHS.trustLog,
    {
      schema: {
        tags: ["operator"],
        querystring: PublishLogQuery,
        response: { 200: PublishLogAnswer, ...refusals },
      },
    },
    async (request): Promise<PublishLogAnswer> => {
      await people.require(request, "viewer");
      const { from = 0, limit = PUBLISH_LOG_PAGE } = request.query;
      return trust.publishLog(from, limit);
    },
  );
}
