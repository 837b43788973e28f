import {
  DryRunAnswer,
  ErrorAnswer,
  OPERATOR_PATHS,
  ROLLOUT_ACTIONS,
  type Role,
  type RolloutAction,
  RolloutActionRequest,
  RolloutDevicesAnswer,
  RolloutDevicesQuery,
  RolloutListQuery,
  RolloutPlan,
  RolloutSampleAnswer,
  RolloutSampleRequest,
  RolloutsAnswer,
  RolloutView,
} from "@mote/protocol";
import { Type } from "@sinclair/typebox";
import type { FastifyInstance } from "fastify";
import type { Clock } from "../clock.js";
import { deviceView, versionNames } from "../fleet/views.js";
import { wavesOf } from "../rollout/blueGreen.js";
import type { RolloutEngine } from "../rollout/engine.js";
import type { RolloutEvent } from "../rollout/machine.js";
import { isActive, type RolloutState } from "../rollout/state.js";
import { rolloutView } from "../rollout/view.js";
import { pageMembers, tallyMembers } from "../store/memberViews.js";
import type { Store } from "../store/store.js";
import type { People } from "./auth.js";

export interface RolloutDoor {
  readonly people: People;
  readonly engine: RolloutEngine;
  readonly store: Store;
  readonly clock: Clock;
}

const DEFAULT_PAGE = 50;

const RolloutParams = Type.Object({ id: Type.String({ maxLength: 64 }) });
const refusals = { "4xx": ErrorAnswer };
const ROLE_OF: Record<RolloutAction, Role> = {
  approve: "approver",
  pause: "operator",
  resume: "operator",
  abort: "operator",
  "break-glass": "release-manager",
};

export function addRolloutRoutes(app: FastifyInstance, { people, engine, store, clock }: RolloutDoor): void {
  const view = async (state: RolloutState): Promise<RolloutView> =>
    rolloutView(state, await store.read((db) => tallyMembers(db, state.id)), clock());

  app.post<{ Body: RolloutPlan }>(
    OPERATOR_PATHS.rollouts,
    { schema: { tags: ["operator"], body: RolloutPlan, response: { 200: RolloutView, ...refusals } } },
    async (request) => {
      await people.require(request, "operator");
      return view(await engine.create(request.body));
    },
  );

  app.post<{ Body: RolloutPlan }>(
    OPERATOR_PATHS.rolloutDryRun,
    { schema: { tags: ["operator"], body: RolloutPlan, response: { 200: DryRunAnswer, ...refusals } } },
    async (request) => {
      await people.require(request, "viewer");
      return engine.dryRun(request.body);
    },
  );

  app.post<{ Body: RolloutSampleRequest }>(
    OPERATOR_PATHS.rolloutSample,
    {
      schema: {
        tags: ["operator"],
        body: RolloutSampleRequest,
        response: { 200: RolloutSampleAnswer, ...refusals },
      },
    },
    async (request) => {
      await people.require(request, "viewer");
      const { eligible, devices } = await engine.sample(request.body.plan, request.body.limit);
      const names = await store.read(versionNames);
      return { eligible, devices: devices.map((device) => deviceView(device, names)) };
    },
  );

  app.get<{ Querystring: RolloutListQuery }>(
    OPERATOR_PATHS.rollouts,
    {
      schema: {
        tags: ["operator"],
        querystring: RolloutListQuery,
        response: { 200: RolloutsAnswer, ...refusals },
      },
    },
    async (request): Promise<RolloutsAnswer> => {
      await people.require(request, "viewer");
      const { states, next } = pageOf(engine.list(), request.query);
      return { rollouts: await Promise.all(states.map(view)), next };
    },
  );

  app.get<{ Params: { id: string } }>(
    OPERATOR_PATHS.rollout(":id"),
    { schema: { tags: ["operator"], params: RolloutParams, response: { 200: RolloutView, ...refusals } } },
    async (request) => {
      await people.require(request, "viewer");
      return view(engine.get(request.params.id));
    },
  );

  app.get<{ Params: { id: string }; Querystring: RolloutDevicesQuery }>(
    OPERATOR_PATHS.rolloutDevices(":id"),
    {
      schema: {
        tags: ["operator"],
        params: RolloutParams,
        querystring: RolloutDevicesQuery,
        response: { 200: RolloutDevicesAnswer, ...refusals },
      },
    },
    async (request): Promise<RolloutDevicesAnswer> => {
      await people.require(request, "viewer");
      const { plan, id } = engine.get(request.params.id);
      const { limit = DEFAULT_PAGE, ...page } = request.query;
      const members = await store.read((db) => pageMembers(db, id, { ...page, limit }));
      return {
        devices: members.map((member) => ({
          deviceId: member.deviceId,
          wave: wavesOf(plan)[member.wave]?.name ?? "",
          state: member.state,
          code: member.code,
          detail: member.detail,
          attempts: member.attempts,
          offeredAtMs: member.offeredAtMs,
          settledAtMs: member.settledAtMs,
          retryAtMs: member.retryAtMs,
        })),
        next: members.length === limit ? members.at(-1)!.deviceId : null,
      };
    },
  );

  for (const action of ROLLOUT_ACTIONS) {
    app.post<{ Params: { id: string }; Body: RolloutActionRequest }>(
      OPERATOR_PATHS.rolloutAction(":id", action),
      {
        schema: {
          tags: ["operator"],
          params: RolloutParams,
          body: RolloutActionRequest,
          response: { 200: RolloutView, ...refusals },
        },
      },
      async (request) => {
        const person = await people.require(request, ROLE_OF[action]);
        const event = eventOf(action, person.id, request.body);
        return view(await engine.act(request.params.id, event));
      },
    );
  }
}

function pageOf(
  all: readonly RolloutState[],
  { product, active, after, limit = DEFAULT_PAGE }: RolloutListQuery,
): { states: RolloutState[]; next: string | null } {
  const matching = all.filter(
    (state) =>
      (product === undefined || state.plan.product === product) &&
      (active === undefined || isActive(state) === active),
  );
  const from = after === undefined ? 0 : matching.findIndex(({ id }) => id === after) + 1;
  const states = matching.slice(from, from + limit);
  return { states, next: matching.length > from + limit ? states.at(-1)!.id : null };
}

function eventOf(action: RolloutAction, by: string, request: RolloutActionRequest): RolloutEvent {
  const comment = request.comment ?? "";
  if (action === "abort") return { type: "abort", by, comment, rollback: request.rollback ?? false };
  if (action === "approve") return { type: "approve", by, comment, scope: request.scope ?? "wave" };
  return { type: action, by, comment };
}
