import type {} from "@fastify/swagger";
import { ErrorAnswer, PASS_PARAMETER, PATHS, Sha256Hex } from "@mote/protocol";
import { Type } from "@sinclair/typebox";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Blobs } from "../blobs/blobs.js";
import { NotFoundError } from "../errors.js";
import type { DownloadRights } from "../fleet/downloadRights.js";
import type { Sessions } from "../fleet/sessions.js";
import { bearerToken, type People } from "./auth.js";
import { acceptedCoding, type ContentCodings } from "./contentCoding.js";
import { parseRange } from "./range.js";

export interface BlobDoor {
  readonly blobs: Blobs;
  readonly rights: DownloadRights;
  readonly sessions: Sessions;
  readonly people: People;
  readonly codings: ContentCodings;
  /** Whoever knows a digest may have its blob; any cache between may keep it. */
  readonly isOpen: boolean;
}

const Query = Type.Object({ [PASS_PARAMETER]: Type.Optional(Type.String({ maxLength: 64 })) });
type BlobRequest = FastifyRequest<{ Params: { sha256: string }; Querystring: { pass?: string } }>;

/**
 * Blobs by digest. The digest is the strong ETag, so a resumed download can't be stitched together from two contents,
 * and any cache between may keep a blob for ever. A small one is sent compressed to whoever accepts that and asks for the
 * whole; compressed, it has an ETag of its own.
 */
export function addBlobRoutes(app: FastifyInstance, door: BlobDoor): void {
  const { blobs } = door;
  app.route<{ Params: { sha256: string }; Querystring: { pass?: string } }>({
    method: ["GET", "HEAD"],
    url: PATHS.blob(":sha256"),
    schema: {
      tags: ["device"],
      params: Type.Object({ sha256: Sha256Hex }),
      querystring: Query,
      response: { "4xx": ErrorAnswer },
    },
    async handler(request, reply) {
      const { sha256 } = request.params;
      await enter(door, request);
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
        .header("vary", "accept-encoding")
        .header("cache-control", `${door.isOpen ? "public" : "private"}, max-age=31536000, immutable`)
        .type("application/octet-stream");
      const coding = acceptedCoding(request.headers["accept-encoding"]);
      const codedEtag = `"${sha256}-${coding}"`;
      const known = request.headers["if-none-match"];
      if (namesEtag(known, etag) || namesEtag(known, codedEtag)) return reply.status(304).send();
      // If-Range that names another content asks for the whole (RFC 9110, 13.1.5).
      const ifRange = request.headers["if-range"];
      const wanted = ifRange === undefined || ifRange === etag ? request.headers.range : undefined;
      const range = parseRange(wanted, length);
      if (range === "unsatisfiable") {
        return reply.status(416).header("content-range", `bytes */${length}`).send();
      }
      if (range === "whole" && coding !== null) {
        const coded = await door.codings.of(sha256, length, coding, () => blobs.read(sha256));
        if (coded !== null) {
          reply
            .header("etag", codedEtag)
            .header("content-encoding", coding)
            .header("content-length", String(coded.length));
          return reply.send(request.method === "HEAD" ? undefined : Buffer.from(coded));
        }
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

/** A pass, a device's session, or a person's token. Throws UnauthenticatedError. */
async function enter({ isOpen, rights, sessions, people }: BlobDoor, request: BlobRequest): Promise<void> {
  const { pass } = request.query;
  if (isOpen || (pass !== undefined && rights.isGood(request.params.sha256, pass))) return;
  // Sessions have a dot, which people's tokens have not.
  const token = bearerToken(request);
  if (token?.includes(".") === true) await sessions.authenticate(token);
  else await people.require(request, "viewer");
}

function namesEtag(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  // Weak comparison is what If-None-Match asks for (RFC 9110, 13.1.2).
  return header.split(",").some((one) => one.trim() === "*" || one.trim().replace(/^W\//, "") === etag);
}
