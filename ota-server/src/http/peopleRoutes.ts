import {
  AuditAnswer,
  ErrorAnswer,
  MeAnswer,
  Name,
  OPERATOR_PATHS,
  PeopleAnswer,
  PersonAnswer,
  PersonRequest,
  type Role,
} from "@mote/protocol";
import { Type } from "@sinclair/typebox";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Clock } from "../clock.js";
import { ConflictError, NotFoundError } from "../errors.js";
import { AuditWatch } from "../monitor/auditWatch.js";
import { newSecret, sha256Hex } from "../secrets.js";
import {
  type AuditEntry,
  type AuditScope,
  appendAudit,
  endAudited,
  listAudit,
  runAudited,
} from "../store/audit.js";
import { listPeople, putPerson, revokePerson } from "../store/people.js";
import type { Store } from "../store/store.js";
import type { People } from "./auth.js";

export interface PeopleDoor {
  readonly people: People;
  readonly store: Store;
  readonly clock: Clock;
}

const refusals = { "4xx": ErrorAnswer };
const AUDIT_SHOWN = 500;
/** Characters of a request's body that the audit keeps. */
const DETAIL_LENGTH = 2000;
/** What the entry of a change says, which is committed before the answer is known. */
const DONE = 200;

/** People, their roles, and the log of what they did. */
export function addPeopleRoutes(app: FastifyInstance, { people, store, clock }: PeopleDoor): void {
  addAudit(app, { people, store, clock });

  app.get(
    OPERATOR_PATHS.me,
    { schema: { tags: ["operator"], response: { 200: MeAnswer, ...refusals } } },
    async (request): Promise<MeAnswer> => {
      const { id, role } = await people.require(request, "viewer");
      return { id, role: role as Role };
    },
  );

  app.get(
    OPERATOR_PATHS.people,
    { schema: { tags: ["operator"], response: { 200: PeopleAnswer, ...refusals } } },
    async (request): Promise<PeopleAnswer> => {
      await people.require(request, "admin");
      const all = await store.read(listPeople);
      return {
        people: all.map(({ id, role, createdAtMs, revokedAtMs }) => ({
          id,
          role,
          createdAtMs,
          revoked: revokedAtMs !== null,
        })),
      };
    },
  );

  app.post<{ Body: PersonRequest }>(
    OPERATOR_PATHS.people,
    { schema: { tags: ["operator"], body: PersonRequest, response: { 200: PersonAnswer, ...refusals } } },
    async (request): Promise<PersonAnswer> => {
      await people.require(request, "admin");
      const { id, role } = request.body;
      const token = newSecret("mote");
      const person = { id, role, createdAtMs: clock(), revokedAtMs: null };
      await store.write((db) => putPerson(db, person, sha256Hex(token)));
      return { id, role, token };
    },
  );

  app.post<{ Params: { id: string } }>(
    OPERATOR_PATHS.personRevoke(":id"),
    {
      schema: {
        tags: ["operator"],
        params: Type.Object({ id: Name }),
        response: { 200: Type.Object({}), ...refusals },
      },
    },
    async (request) => {
      const admin = await people.require(request, "admin");
      const { id } = request.params;
      if (admin.id === id) {
        throw new ConflictError({
          expected: "another person",
          got: "yourself",
          todo: "Let another admin do it, so that the server is never without one.",
        });
      }
      if (!(await store.write((db) => revokePerson(db, id, clock())))) {
        throw new NotFoundError({
          expected: "a person with access",
          got: id,
          todo: "See the list of people.",
        });
      }
      return {};
    },
  );
}

/**
 * Whatever a person changes is in the log by the same transaction as the change; what they try in vain is there before
 * they have the answer. It hangs on the door itself, so that no new route can be forgotten.
 */
function addAudit(app: FastifyInstance, { people, store, clock }: PeopleDoor): void {
  const watch = new AuditWatch(store, clock);
  const scopes = new WeakMap<FastifyRequest, AuditScope>();
  const entryOf = (request: FastifyRequest, status: number): AuditEntry | null => {
    const person = people.makerOf(request);
    if (person === null || request.method === "GET" || request.method === "HEAD") return null;
    // It changes nothing, and a page asks for it whenever somebody types.
    if (request.routeOptions.url === OPERATOR_PATHS.rolloutDryRun) return null;
    return {
      atMs: clock(),
      by: person.id,
      action: `${request.method} ${request.url.slice(0, 200)}`,
      status,
      detail: detailOf(request),
    };
  };

  app.addHook("preHandler", (request, _reply, done) => {
    if (request.method === "GET" || request.method === "HEAD") return done();
    // A route of devices alone asks for no person.
    if (request.routeOptions.config.byDevice === true) return done();
    const scope = { entry: () => entryOf(request, DONE), isWritten: false };
    scopes.set(request, scope);
    runAudited(scope, done);
  });

  app.addHook("onSend", (request, reply, payload, done) => {
    const entry = entryOf(request, reply.statusCode);
    const scope = scopes.get(request);
    // The handler has done what it does. Where a broken connection skips this hook, the scope stays open: better than
    // to be over while a handler still writes.
    if (scopes.delete(request)) endAudited();
    if (entry === null || (scope?.isWritten === true && reply.statusCode < 300)) return done(null, payload);
    // This entry speaks for itself.
    if (scope !== undefined) scope.isWritten = true;
    store
      .write((db) => appendAudit(db, entry))
      .then(
        () => done(null, payload),
        (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
      );
  });

  app.get(
    OPERATOR_PATHS.audit,
    { schema: { tags: ["operator"], response: { 200: AuditAnswer, ...refusals } } },
    async (request): Promise<AuditAnswer> => {
      await people.require(request, "admin");
      const [entries, verdict] = await Promise.all([
        store.read((db) => listAudit(db, AUDIT_SHOWN)),
        watch.look(),
      ]);
      return { entries, ...verdict };
    },
  );
}

/** JSON as it came; of files their size. Requests carry no secrets: those are in headers and answers. */
function detailOf(request: FastifyRequest): string {
  const { body } = request;
  if (body === undefined || body === null) return "";
  if (Buffer.isBuffer(body)) return `${body.length} bytes, sha256 ${sha256Hex(body)}`;
  return JSON.stringify(body).slice(0, DETAIL_LENGTH);
}
