import { ErrorAnswer, PATHS, PollAnswer, PollRequest } from "@mote/protocol";
import type { FastifyInstance } from "fastify";
import type { Polls } from "../fleet/polls.js";
import type { RequestLimit } from "../fleet/requestLimit.js";
import type { Sessions } from "../fleet/sessions.js";
import { peekDevice, requireDevice } from "./auth.js";
import { type Books, logAnswer } from "./bookkeeping.js";
import { commonHeaders, sendWritten } from "./commonHeaders.js";
import { DeviceParams } from "./deviceRoutes.js";

export interface PollDoor {
  readonly sessions: Sessions;
  readonly polls: Polls;
  readonly limit: RequestLimit;
}

declare module "fastify" {
  interface FastifyRequest {
    /** When a poll's head was read, by performance.now(). Polls alone have it. */
    begunMs: number;
  }
}

const ROUTE = PATHS.poll(":id");

/**
 * The bulk of all requests. As long as nothing is new a poll is answered in the turn in which it comes, from memory, and
 * counted by the way; the hooks of `useBookkeeping` would cost it more than all that it asks memory for, so this wants a scope
 * without them.
 */
export function addPollRoute(scope: FastifyInstance, door: PollDoor, { log, metrics }: Books): void {
  const { sessions, polls, limit } = door;
  const quickTimes = metrics.requests.of("POST", ROUTE, 200);

  scope.decorateRequest("begunMs", 0);
  scope.addHook("onRequest", (request, _reply, done) => {
    request.begunMs = performance.now();
    done();
  });
  // Refusals, and answers for which the store was asked.
  scope.addHook("onSend", (request, reply, payload, done) => {
    reply.headers(commonHeaders(request));
    done(null, payload);
    const tookMs = performance.now() - request.begunMs;
    metrics.requests.of(request.method, ROUTE, reply.statusCode).observe(tookMs / 1000);
    if (reply.statusCode >= 400) logAnswer(log, request, reply.statusCode, tookMs);
  });

  scope.post<{ Params: DeviceParams; Body: PollRequest }>(
    ROUTE,
    {
      schema: {
        tags: ["device"],
        params: DeviceParams,
        body: PollRequest,
        response: { 200: PollAnswer, "4xx": ErrorAnswer },
      },
    },
    (request, reply): Promise<PollAnswer> | undefined => {
      const { id } = request.params;
      const known = peekDevice(sessions, request, id);
      if (known === null) {
        return requireDevice(sessions, request, id).then((read) => {
          limit.take(id);
          return polls.answer(read, request.body);
        });
      }
      // The id as memory holds it: its hash is known.
      limit.take(known.device.id);
      const quick = polls.quickAnswer(known, request.body);
      if (quick === null) return polls.answer(known, request.body);
      sendWritten(request, reply, quick);
      quickTimes.observe((performance.now() - request.begunMs) / 1000);
      return undefined;
    },
  );
}
