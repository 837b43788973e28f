import {
  EnrollAnswer,
  EnrollRequest,
  ErrorAnswer,
  Name,
  NonceAnswer,
  PATHS,
  ReportsAnswer,
  ReportsRequest,
  SessionAnswer,
  SessionRequest,
  TelemetryAnswer,
  TelemetryRequest,
} from "@mote/protocol";
import { Type } from "@sinclair/typebox";
import type { FastifyInstance } from "fastify";
import type { Enrolment } from "../fleet/enrolment.js";
import type { Reports } from "../fleet/reports.js";
import type { RequestLimit } from "../fleet/requestLimit.js";
import type { Sessions } from "../fleet/sessions.js";
import type { Ingest } from "../monitor/ingest.js";
import { sha256Hex } from "../secrets.js";
import { metadataNotFound, type TrustRepository } from "../trust/repository.js";
import { requireDevice } from "./auth.js";
import { acceptedCoding, type ContentCodings } from "./contentCoding.js";
import type { SignInThrottle } from "./throttle.js";

export interface DeviceDoor {
  readonly enrolment: Enrolment;
  readonly sessions: Sessions;
  readonly reports: Reports;
  readonly ingest: Ingest;
  readonly trust: TrustRepository;
  readonly throttle: SignInThrottle;
  readonly limit: RequestLimit;
  readonly codings: ContentCodings;
  /** Where devices find the broker. @param hostname by which this device reached the server. */
  readonly mqttUrl: (hostname: string) => string;
  readonly pollIntervalS: number;
  /** For a device that has just proved its key; null where the broker takes the session's token. */
  readonly brokerCredential: (deviceId: string) => Promise<{ readonly password: string } | null>;
}

export const DeviceParams = Type.Object({ id: Name }, { additionalProperties: false });
export type DeviceParams = { id: string };
const refusals = { "4xx": ErrorAnswer };

declare module "fastify" {
  interface FastifyContextConfig {
    /** The route answers devices only, by their own tokens. */
    byDevice?: boolean;
  }
}

/** The device's door, as protocol/api/device.ts fixes it; polls have a file of their own. */
export function addDeviceRoutes(app: FastifyInstance, door: DeviceDoor): void {
  const { enrolment, sessions, reports, ingest, trust, throttle, limit, codings } = door;

  app.post<{ Body: EnrollRequest }>(
    PATHS.enroll,
    { schema: { tags: ["device"], body: EnrollRequest, response: { 200: EnrollAnswer, ...refusals } } },
    async ({ body, hostname, ip }): Promise<EnrollAnswer> => {
      const attempt = { address: ip, account: body.deviceId };
      const device = await throttle.attempt(attempt, () => enrolment.enroll(body));
      return {
        deviceId: device.id,
        product: device.product,
        mqttUrl: door.mqttUrl(hostname),
        pollIntervalS: door.pollIntervalS,
      };
    },
  );

  app.post<{ Params: DeviceParams }>(
    PATHS.nonce(":id"),
    { schema: { tags: ["device"], params: DeviceParams, response: { 200: NonceAnswer, ...refusals } } },
    async ({ params }): Promise<NonceAnswer> => ({ nonce: sessions.nonce(params.id) }),
  );

  app.post<{ Params: DeviceParams; Body: SessionRequest }>(
    PATHS.session(":id"),
    {
      schema: {
        tags: ["device"],
        params: DeviceParams,
        body: SessionRequest,
        response: { 200: SessionAnswer, ...refusals },
      },
    },
    async ({ params, body, ip }): Promise<SessionAnswer> => {
      const attempt = { address: ip, account: params.id };
      const session = await throttle.attempt(attempt, () => sessions.signIn(params.id, body));
      const broker = await door.brokerCredential(params.id);
      return broker === null ? session : { ...session, broker };
    },
  );

  app.post<{ Params: DeviceParams; Body: ReportsRequest }>(
    PATHS.reports(":id"),
    {
      schema: {
        tags: ["device"],
        params: DeviceParams,
        body: ReportsRequest,
        response: { 200: ReportsAnswer, ...refusals },
      },
      config: { byDevice: true },
    },
    async (request): Promise<ReportsAnswer> => {
      const { device } = await requireDevice(sessions, request, request.params.id);
      limit.take(device.id);
      return { accepted: await reports.add(device.id, request.body.reports) };
    },
  );

  app.post<{ Params: DeviceParams; Body: TelemetryRequest }>(
    PATHS.telemetry(":id"),
    {
      schema: {
        tags: ["device"],
        params: DeviceParams,
        body: TelemetryRequest,
        response: { 200: TelemetryAnswer, ...refusals },
      },
      config: { byDevice: true },
    },
    async (request): Promise<TelemetryAnswer> => {
      const { device } = await requireDevice(sessions, request, request.params.id);
      limit.take(device.id);
      return ingest.addAll(
        device,
        request.body.frames.map((frame) => Buffer.from(frame, "base64")),
      );
    },
  );

  app.get<{ Params: { file: string } }>(
    PATHS.metadata(":file"),
    {
      schema: {
        tags: ["device"],
        params: Type.Object({ file: Type.String({ maxLength: 200 }) }),
        response: { 200: Type.Unknown(), ...refusals },
      },
    },
    async ({ params, headers }, reply) => {
      const bytes = await trust.file(params.file);
      if (bytes === null) throw metadataNotFound(params.file);
      const isFixed = /^\d+\./.test(params.file);
      const coding = acceptedCoding(headers["accept-encoding"]);
      const coded =
        coding && (await codings.of(sha256Hex(bytes), bytes.length, coding, () => Promise.resolve(bytes)));
      if (coding !== null && coded !== null) reply.header("content-encoding", coding);
      return reply
        .header("vary", "accept-encoding")
        .type(params.file.endsWith(".cose") ? "application/cose" : "application/json")
        .header("cache-control", isFixed ? "public, max-age=31536000, immutable" : "no-cache")
        .send(Buffer.from(coded ?? bytes));
    },
  );
}
