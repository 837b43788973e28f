import {
  BUNDLE_MAX_BYTES,
  DeviceDetail,
  DeviceListQuery,
  DevicesAnswer,
  EnrolmentTokenList,
  EnrolmentTokensAnswer,
  EnrolmentTokensRequest,
  ErrorAnswer,
  FleetAnswer,
  MetadataStoredAnswer,
  Name,
  OPERATOR_PATHS,
  ReleasesAnswer,
  ReleaseView,
  SignAnswer,
  SignRequest,
  TRUST_LIMITS,
  TrustAnswer,
  TrustKeysAnswer,
  Version,
} from "@mote/protocol";
import { Type } from "@sinclair/typebox";
import type { FastifyInstance } from "fastify";
import type { Catalog } from "../catalog/catalog.js";
import type { Clock } from "../clock.js";
import { NotFoundError } from "../errors.js";
import type { Events } from "../events.js";
import type { Enrolment } from "../fleet/enrolment.js";
import { deviceStory } from "../fleet/story.js";
import { deviceView, fleetView, versionNames } from "../fleet/views.js";
import type { RolloutEngine } from "../rollout/engine.js";
import { isActive } from "../rollout/state.js";
import { sha256Hex } from "../secrets.js";
import { countDevices, listDevices, revokeDevice } from "../store/devices.js";
import type { Store } from "../store/store.js";
import type { TrustRepository } from "../trust/repository.js";
import type { People } from "./auth.js";
import { filterOf } from "./deviceList.js";
import { addPublishedRoutes } from "./publishedRoutes.js";
import { BinaryBody } from "./validation.js";

export interface OperatorDoor {
  readonly people: People;
  readonly catalog: Catalog;
  readonly trust: TrustRepository;
  readonly enrolment: Enrolment;
  readonly engine: RolloutEngine;
  readonly store: Store;
  readonly events: Events;
  readonly clock: Clock;
  /** Ends a device's connections. */
  readonly disconnect: (deviceId: string) => void;
  /** Settles when all telemetry that was acknowledged can be read from the store. */
  readonly settleTelemetry: () => Promise<void>;
}

const refusals = { "4xx": ErrorAnswer };
const DeviceParams = Type.Object({ id: Name });
const DEFAULT_PAGE = 100;

/** What operators do, rollouts apart (rolloutRoutes.ts). */
export function addOperatorRoutes(app: FastifyInstance, door: OperatorDoor): void {
  addReleaseRoutes(app, door);
  addTrustRoutes(app, door);
  addPublishedRoutes(app, door);
  addFleetRoutes(app, door);
}

function addReleaseRoutes(
  app: FastifyInstance,
  { people, catalog, trust, events, clock }: OperatorDoor,
): void {
  app.post<{ Body: Buffer }>(
    OPERATOR_PATHS.bundles,
    {
      bodyLimit: BUNDLE_MAX_BYTES,
      schema: {
        tags: ["operator"],
        consumes: ["application/octet-stream"],
        body: BinaryBody,
        response: { 200: ReleaseView, ...refusals },
      },
      // Before the body is read: nobody uploads 256 MB to be told that the token is wrong.
      onRequest: async (request) => void (await people.require(request, "release-manager")),
    },
    async ({ body }) => {
      const release = await catalog.addBundle(bytesOf(body));
      events.emit({ type: "release", atMs: clock(), text: `${release.product} ${release.version}` });
      return catalog.view(release);
    },
  );

  app.get(
    OPERATOR_PATHS.releases,
    { schema: { tags: ["operator"], response: { 200: ReleasesAnswer, ...refusals } } },
    async (request): Promise<ReleasesAnswer> => {
      await people.require(request, "viewer");
      return { releases: await catalog.list() };
    },
  );

  app.get<{ Params: { product: string; version: string } }>(
    OPERATOR_PATHS.release(":product", ":version"),
    {
      schema: {
        tags: ["operator"],
        params: Type.Object({ product: Name, version: Version }),
        response: { 200: ReleaseView, ...refusals },
      },
    },
    async (request) => {
      await people.require(request, "viewer");
      return catalog.view(await catalog.get(request.params.product, request.params.version));
    },
  );

  app.post<{ Body: SignRequest }>(
    OPERATOR_PATHS.trustSign,
    { schema: { tags: ["operator"], body: SignRequest, response: { 200: SignAnswer, ...refusals } } },
    async (request): Promise<SignAnswer> => {
      await people.require(request, "release-manager");
      const release = await catalog.get(request.body.product, request.body.version);
      const { role, version } = await trust.signRelease(release);
      return { target: release.target, role, roleVersion: version };
    },
  );
}

function addTrustRoutes(app: FastifyInstance, { people, trust }: OperatorDoor): void {
  app.get(
    OPERATOR_PATHS.trust,
    { schema: { tags: ["operator"], response: { 200: TrustAnswer, ...refusals } } },
    async (request) => {
      await people.require(request, "viewer");
      return trust.describe();
    },
  );

  app.get(
    OPERATOR_PATHS.trustKeys,
    { schema: { tags: ["operator"], response: { 200: TrustKeysAnswer, ...refusals } } },
    async (request) => {
      await people.require(request, "viewer");
      return trust.publicKeys();
    },
  );

  app.put<{ Params: { file: string }; Body: Buffer }>(
    OPERATOR_PATHS.trustMetadata(":file"),
    {
      bodyLimit: TRUST_LIMITS.targetsMaxBytes,
      schema: {
        tags: ["operator"],
        params: Type.Object({ file: Type.String({ maxLength: 128 }) }),
        consumes: ["application/octet-stream"],
        body: BinaryBody,
        response: { 200: MetadataStoredAnswer, ...refusals },
      },
      onRequest: async (request) => void (await people.require(request, "release-manager")),
    },
    async ({ params, body }): Promise<MetadataStoredAnswer> => {
      const bytes = bytesOf(body);
      const stored = await trust.putMetadata(params.file, bytes);
      return {
        file: stored.file,
        role: stored.role,
        version: stored.version,
        sha256: sha256Hex(bytes),
      };
    },
  );
}

function addFleetRoutes(app: FastifyInstance, door: OperatorDoor): void {
  const { people, enrolment, store, engine, events, clock, disconnect, settleTelemetry } = door;

  app.post<{ Body: EnrolmentTokensRequest }>(
    OPERATOR_PATHS.enrolmentTokens,
    {
      schema: {
        tags: ["operator"],
        body: EnrolmentTokensRequest,
        response: { 200: EnrolmentTokensAnswer, ...refusals },
      },
    },
    async (request) => {
      await people.require(request, "operator");
      return enrolment.createTokens(request.body);
    },
  );

  app.get(
    OPERATOR_PATHS.enrolmentTokens,
    { schema: { tags: ["operator"], response: { 200: EnrolmentTokenList, ...refusals } } },
    async (request): Promise<EnrolmentTokenList> => {
      await people.require(request, "operator");
      const tokens = await enrolment.listTokens();
      return {
        tokens: tokens.map(({ id, product, hardware, tags, expiresAtMs, usedBy, maxDevices, used }) => ({
          id,
          product,
          hardware,
          tags,
          expiresAtMs,
          usedBy,
          maxDevices,
          used,
        })),
      };
    },
  );

  app.get<{ Querystring: DeviceListQuery }>(
    OPERATOR_PATHS.devices,
    {
      schema: {
        tags: ["operator"],
        querystring: DeviceListQuery,
        response: { 200: DevicesAnswer, ...refusals },
      },
    },
    async (request): Promise<DevicesAnswer> => {
      await people.require(request, "viewer");
      const { after, limit = DEFAULT_PAGE, ...filter } = request.query;
      return store.read(async (db) => {
        const names = await versionNames(db);
        const page = { limit, ...(after === undefined ? {} : { after }) };
        const asked = await filterOf(db, filter, clock());
        const devices = await listDevices(db, asked, page);
        return {
          devices: devices.map((device) => deviceView(device, names)),
          next: devices.length === limit ? devices.at(-1)!.id : null,
          total: await countDevices(db, asked),
        };
      });
    },
  );

  app.get<{ Params: { id: string } }>(
    OPERATOR_PATHS.device(":id"),
    { schema: { tags: ["operator"], params: DeviceParams, response: { 200: DeviceDetail, ...refusals } } },
    async (request): Promise<DeviceDetail> => {
      await people.require(request, "viewer");
      const { id } = request.params;
      await settleTelemetry();
      const story = await store.read((db) => deviceStory(db, id, { engine, clock }));
      if (story === null) throw unknownDevice(id);
      return story;
    },
  );

  app.post<{ Params: { id: string } }>(
    OPERATOR_PATHS.deviceRevoke(":id"),
    { schema: { tags: ["operator"], params: DeviceParams, response: { 200: Type.Object({}), ...refusals } } },
    async (request) => {
      await people.require(request, "operator");
      const { id } = request.params;
      const found = await store.write((db) => revokeDevice(db, id, clock()));
      if (!found) throw unknownDevice(id);
      disconnect(id);
      events.emit({ type: "device", atMs: clock(), deviceId: id, text: "revoked" });
      return {};
    },
  );

  app.get(
    OPERATOR_PATHS.fleet,
    { schema: { tags: ["operator"], response: { 200: FleetAnswer, ...refusals } } },
    async (request) => {
      await people.require(request, "viewer");
      const active = engine.list().filter(isActive);
      return store.read((db) =>
        fleetView(
          db,
          active.map((state) => state.id),
        ),
      );
    },
  );
}

function unknownDevice(id: string): NotFoundError {
  return new NotFoundError({
    expected: "the id of an enrolled device that is not revoked",
    got: id,
    todo: "`mote device list` shows them.",
  });
}

/** The body parser gives a Buffer; a request without a body gives nothing. */
function bytesOf(body: Buffer | undefined): Uint8Array {
  return body === undefined ? new Uint8Array() : new Uint8Array(body.buffer, body.byteOffset, body.length);
}
