import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Log } from "../log.js";
import type { Metrics } from "../monitor/metrics.js";
import { commonHeaders } from "./commonHeaders.js";

export interface Books {
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Every answer of this scope bears the common headers, is counted, and stands in the log unless it is one of very many. */
export function useBookkeeping(app: FastifyInstance, { log, metrics }: Books): void {
  // Hooks without promises, which cost a small answer more than itself.
  app.addHook("onSend", (request, reply, payload, done) => {
    reply.headers(commonHeaders(request));
    done(null, payload);
  });
  app.addHook("onResponse", (request, reply, done) => {
    done();
    const { statusCode, elapsedTime } = reply;
    metrics.requests.of(request.method, routeOf(request), statusCode).observe(elapsedTime / 1000);
    // Downloads are the bulk of the traffic beside polls; the metrics count them.
    if (statusCode < 400 && request.method === "GET") return;
    logAnswer(log, request, statusCode, elapsedTime);
  });
}

export function logAnswer(log: Log, request: FastifyRequest, status: number, tookMs: number): void {
  log.info("request", {
    requestId: request.id,
    method: request.method,
    path: request.url.slice(0, 120),
    status,
    ms: Math.round(tookMs),
  });
}

function routeOf(request: FastifyRequest): string {
  return request.routeOptions.url ?? "unknown";
}
