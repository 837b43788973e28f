import type { ErrorAnswer } from "@mote/protocol";
import {
  BundleFormatError,
  DigestMismatchError,
  MoteError,
  SchemaError,
  TooLargeError,
  TrustError,
} from "@mote/protocol";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { NotFoundError, ServerError, TooManyRequestsError } from "../errors.js";
import type { Log } from "../log.js";

/** Every refusal has one form: ErrorAnswer, with the error's stable code and the request's id. */
export function useErrorForm(app: FastifyInstance, log: Log): void {
  app.setErrorHandler((error, request, reply) => answer(error, request, reply, log));
}

/** The same form where there is no route, with the hooks of this scope. */
export function useNotFoundForm(app: FastifyInstance, log: Log): void {
  app.setNotFoundHandler((request, reply) => {
    const error = new NotFoundError({
      expected: "a path of this server",
      got: `${request.method} ${request.url.slice(0, 120)}`,
      todo: "See /openapi.json.",
    });
    return answer(error, request, reply, log);
  });
}

/** What the router refuses before any route is found (a path parameter beyond its length, a broken URL) has the form too. */
export function routerErrorForm(log: Log) {
  return (error: unknown, request: FastifyRequest, reply: FastifyReply): void =>
    void answer(error, request, reply, log);
}

function answer(error: unknown, request: FastifyRequest, reply: FastifyReply, log: Log): FastifyReply {
  const { status, code, message } = describe(error, request);
  if (status >= 500) log.error("request-failed", error, { requestId: request.id, url: request.url });
  if (error instanceof TooManyRequestsError) reply.header("retry-after", String(error.retryAfterS));
  const body: ErrorAnswer = { code, message, requestId: request.id };
  return reply.status(status).type("application/json; charset=utf-8").send(JSON.stringify(body));
}

function describe(
  error: unknown,
  request: FastifyRequest,
): { status: number; code: string; message: string } {
  if (error instanceof MoteError)
    return { status: statusOf(error), code: error.code, message: error.message };
  if (isFastifyRefusal(error)) {
    const { code, message } = ownWords(error, request);
    return { status: error.statusCode, code, message };
  }
  // What went wrong inside is for the log, not for the caller.
  return {
    status: 500,
    code: "MOTE_FAULT",
    message: "An unexpected fault; the server's log has the details.",
  };
}

function statusOf(error: MoteError): number {
  if (error instanceof ServerError) return error.status;
  if (error instanceof TooLargeError) return 413;
  if (error instanceof TrustError) return 422;
  if (
    error instanceof SchemaError ||
    error instanceof BundleFormatError ||
    error instanceof DigestMismatchError
  ) {
    return 400;
  }
  return 500;
}

function ownWords(error: Error & { statusCode: number }, { headers }: FastifyRequest): MoteError {
  const todo = "See /openapi.json.";
  const cause = error;
  switch (error.statusCode) {
    case 413:
      return new TooLargeError({
        expected: "a body of the size that this path takes",
        got: "more",
        todo,
        cause,
      });
    case 415: {
      const got = headers["content-type"]?.slice(0, 120) ?? "none";
      return new SchemaError({ expected: "a content-type that this path takes", got, todo, cause });
    }
    default:
      return new SchemaError({ expected: "a request of this path's form", got: error.message, todo, cause });
  }
}

/** Fastify's own refusals: body too large, not JSON, unknown content type. */
function isFastifyRefusal(error: unknown): error is Error & { statusCode: number } {
  return (
    error instanceof Error &&
    "statusCode" in error &&
    typeof error.statusCode === "number" &&
    error.statusCode >= 400 &&
    error.statusCode < 500
  );
}
