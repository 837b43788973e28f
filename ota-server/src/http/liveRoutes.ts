import { ErrorAnswer, HealthAnswer, OPERATOR_PATHS, ReadyAnswer } from "@mote/protocol";
import type { FastifyInstance } from "fastify";
import type { Events } from "../events.js";
import type { People } from "./auth.js";
import { Coalescer } from "./coalesce.js";

export interface LiveDoor {
  readonly people: People;
  readonly events: Events;
  readonly version: string;
  /** What can't serve now; empty when all is well. */
  readonly problems: () => Promise<string[]>;
  /** What the operator should know, such as a missing optional part. */
  readonly notes: () => string[];
}

/** Proxies drop connections that are silent for a minute. */
const KEEPALIVE_MS = 20_000;
/** A page needs to know *that* something changed, at most this often per kind and subject. */
const COALESCE_MS = 200;

export function addLiveRoutes(app: FastifyInstance, door: LiveDoor): void {
  app.get(
    OPERATOR_PATHS.health,
    { schema: { tags: ["operations"], response: { 200: HealthAnswer } } },
    async (): Promise<HealthAnswer> => ({ status: "ok", version: door.version }),
  );

  app.get(
    OPERATOR_PATHS.ready,
    { schema: { tags: ["operations"], response: { 200: ReadyAnswer, 503: ReadyAnswer } } },
    async (_request, reply) => {
      const problems = await door.problems();
      const answer: ReadyAnswer = { ready: problems.length === 0, problems, notes: door.notes() };
      return reply.status(answer.ready ? 200 : 503).send(answer);
    },
  );

  const open = new Set<() => void>();
  app.addHook("preClose", async () => {
    for (const end of open) end();
  });

  app.get(
    OPERATOR_PATHS.events,
    { schema: { tags: ["operator"], response: { "4xx": ErrorAnswer } } },
    async (request, reply) => {
      await door.people.require(request, "viewer");
      reply.hijack();
      const { raw } = reply;
      raw.writeHead(200, {
        "content-type": "text/event-stream",
        "cache-control": "no-cache",
        "x-accel-buffering": "no",
        "x-request-id": request.id,
      });
      raw.write(": open\n\n");
      const pending = new Coalescer();
      const flush = setInterval(() => {
        // A page that reads slower than the fleet moves gets less, not later.
        if (raw.writableNeedDrain) return;
        const text = pending.take().map((event) => `data: ${JSON.stringify(event)}\n\n`);
        if (text.length > 0) raw.write(text.join(""));
      }, COALESCE_MS);
      const keepalive = setInterval(() => raw.write(": alive\n\n"), KEEPALIVE_MS);
      const unsubscribe = door.events.subscribe((event) => pending.add(event));
      const end = () => {
        clearInterval(flush);
        clearInterval(keepalive);
        unsubscribe();
        open.delete(end);
        raw.end();
      };
      open.add(end);
      raw.on("close", end);
    },
  );
}
