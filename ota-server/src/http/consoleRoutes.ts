import { Type } from "@sinclair/typebox";
import type { FastifyInstance } from "fastify";
import { type ConsoleAsset, consoleAssets } from "../console/assets.js";
import { UnauthenticatedError } from "../errors.js";
import type { People } from "./auth.js";
import { CONSOLE_COOKIE } from "./auth.js";

export interface ConsoleDoor {
  readonly people: People;
  readonly isTls: boolean;
}

const LoginRequest = Type.Object(
  { token: Type.String({ minLength: 1, maxLength: 128 }) },
  { additionalProperties: false },
);

/** Only what this server itself sends may run in the page. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

export function addConsoleRoutes(app: FastifyInstance, { people, isTls }: ConsoleDoor): void {
  for (const [path, asset] of consoleAssets()) addAsset(app, path, asset);

  app.post<{ Body: { token: string } }>(
    "/console/login",
    { schema: { hide: true, body: LoginRequest } },
    async ({ body }, reply) => {
      if ((await people.byToken(body.token)) === null) {
        throw new UnauthenticatedError({
          expected: "a valid operator token",
          got: "one that is unknown or revoked",
          todo: "The first start writes one to admin.token in the data folder.",
        });
      }
      const flags = `Path=/; HttpOnly; SameSite=Strict; Max-Age=43200${isTls ? "; Secure" : ""}`;
      return reply.header("set-cookie", `${CONSOLE_COOKIE}=${body.token}; ${flags}`).send({});
    },
  );
}

function addAsset(app: FastifyInstance, path: string, asset: ConsoleAsset): void {
  app.get(path, { schema: { hide: true } }, async (_request, reply) =>
    reply
      .type(asset.type)
      .header("content-security-policy", POLICY)
      .header("referrer-policy", "no-referrer")
      .header("cache-control", "no-cache")
      .send(asset.body),
  );
}
