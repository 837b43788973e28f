import type {} from "@fastify/swagger";
import { ErrorAnswer, PATHS, Sha256Hex } from "@mote/protocol";
import { Type } from "@sinclair/typebox";
import type { FastifyInstance } from "fastify";
import type { Blobs } from "../blobs/blobs.js";
import { NotFoundError } from "../errors.js";
import { parseRange } from "./range.js";

/**
 * Blobs by digest. The digest is the strong ETag, so a resumed download can't be stitched together from two contents,
 * and any cache between may keep a blob for ever.
 */
export function addBlobRoutes(app: FastifyInstance, blobs: Blobs): void {
  app.route<{ Params: { sha256: string } }>({
    method: ["GET", "HEAD"],
    url: PATHS.blob(":sha256"),
    schema: {
      tags: ["device"],
      params: Type.Object({ sha256: Sha256Hex }),
      response: { "4xx": ErrorAnswer },
    },
    async handler(request, reply) {
      const { sha256 } = request.params;
      const length = await blobs.length(sha256);
      if (length === null) {
        throw new NotFoundError({
          expected: "the digest of a stored blob",
          got: sha256,
          todo: "Poll again: the offer that named it may be over.",
        });
      }
      const etag = `"${sha256}"`;
      reply
        .header("etag", etag)
        .header("accept-ranges", "bytes")
        .header("cache-control", "public, max-age=31536000, immutable")
        .type("application/octet-stream");
      if (namesEtag(request.headers["if-none-match"], etag)) return reply.status(304).send();
      // If-Range that names another content asks for the whole (RFC 9110, 13.1.5).
      const ifRange = request.headers["if-range"];
      const wanted = ifRange === undefined || ifRange === etag ? request.headers.range : undefined;
      const range = parseRange(wanted, length);
      if (range === "unsatisfiable") {
        return reply.status(416).header("content-range", `bytes */${length}`).send();
      }
      const { start, end } = range === "whole" ? { start: 0, end: length - 1 } : range;
      if (range !== "whole") {
        reply.status(206).header("content-range", `bytes ${start}-${end}/${length}`);
      }
      reply.header("content-length", String(end - start + 1));
      if (request.method === "HEAD") return reply.send();
      return reply.send(blobs.stream(sha256, start, end));
    },
  });
}

function namesEtag(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  // Weak comparison is what If-None-Match asks for (RFC 9110, 13.1.2).
  return header.split(",").some((one) => one.trim() === "*" || one.trim().replace(/^W\//, "") === etag);
}
