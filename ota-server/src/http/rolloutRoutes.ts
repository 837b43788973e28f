import {
  DryRunAnswer,
  ErrorAnswer,
  OPERATOR_PATHS,
  ROLLOUT_ACTIONS,
  type Role,
  type RolloutAction,
  RolloutActionRequest,
  RolloutPlan,
  RolloutSampleAnswer,
  RolloutSampleRequest,
  RolloutsAnswer,
  RolloutView,
} from "@mote/protocol";
import { Type } from "@sinclair/typebox";
import type { FastifyInstance } from "fastify";
import { deviceView, versionNames } from "../fleet/views.js";
import type { RolloutEngine } from "../rollout/engine.js";
import type { RolloutEvent } from "../rollout/machine.js";
import type { RolloutState } from "../rollout/state.js";
import { rolloutView } from "../rollout/view.js";
import { listMembers } from "../store/rollouts.js";
import type { Store } from "../store/store.js";
import type { People } from "./auth.js";

export interface RolloutDoor {
  readonly people: People;
  readonly engine: RolloutEngine;
  readonly store: Store;
}

const RolloutParams = Type.Object({ id: Type.String({ maxLength: 64 }) });
const refusals = { "4xx": ErrorAnswer };
const ROLE_OF: Record<RolloutAction, Role> = {
  approve: "approver",
  pause: "operator",
  resume: "operator",
  abort: "operator",
  "break-glass": "release-manager",
};

export function addRolloutRoutes(app: FastifyInstance, { people, engine, store }: RolloutDoor): void {
  const view = async (state: RolloutState): Promise<RolloutView> =>
    rolloutView(state, await store.read((db) => listMembers(db, state.id)));

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

  app.get(
    OPERATOR_PATHS.rollouts,
    { schema: { tags: ["operator"], response: { 200: RolloutsAnswer, ...refusals } } },
    async (request): Promise<RolloutsAnswer> => {
      await people.require(request, "viewer");
      return { rollouts: await Promise.all(engine.list().map(view)) };
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

function eventOf(action: RolloutAction, by: string, request: RolloutActionRequest): RolloutEvent {
  const comment = request.comment ?? "";
  if (action === "abort") return { type: "abort", by, comment, rollback: request.rollback ?? false };
  if (action === "approve") return { type: "approve", by, comment, scope: request.scope ?? "wave" };
  return { type: action, by, comment };
}
