import { Type } from "@sinclair/typebox";
import type { FastifyInstance } from "fastify";
import { type ConsoleAsset, consoleAssets } from "../console/assets.js";
import { UnauthenticatedError } from "../errors.js";
import { sha256Hex } from "../secrets.js";
import type { Person } from "../store/people.js";
import type { People } from "./auth.js";
import { CONSOLE_COOKIE } from "./auth.js";
import type { SignInThrottle } from "./throttle.js";

export interface ConsoleDoor {
  readonly people: People;
  readonly throttle: SignInThrottle;
  readonly isTls: boolean;
}

const LoginRequest = Type.Object(
  { token: Type.String({ minLength: 1, maxLength: 128 }) },
  { additionalProperties: false },
);

/** A working day; then the page asks again. */
const SESSION_S = 43_200;

/** Only what this server itself sends may run in the page. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

export function addConsoleRoutes(app: FastifyInstance, { people, throttle, isTls }: ConsoleDoor): void {
  for (const [path, asset] of consoleAssets()) addAsset(app, path, asset);
  const flags = `Path=/; HttpOnly; SameSite=Strict${isTls ? "; Secure" : ""}`;

  app.post<{ Body: { token: string } }>(
    "/console/login",
    { schema: { hide: true, body: LoginRequest } },
    async ({ body, ip }, reply) => {
      const attempt = { address: ip, account: sha256Hex(body.token) };
      const person = await throttle.attempt(attempt, () => personOf(people, body.token));
      return reply
        .header("set-cookie", `${CONSOLE_COOKIE}=${body.token}; ${flags}; Max-Age=${SESSION_S}`)
        .send({ id: person.id, role: person.role });
    },
  );

  app.post("/console/logout", { schema: { hide: true } }, async (_request, reply) =>
    reply.header("set-cookie", `${CONSOLE_COOKIE}=; ${flags}; Max-Age=0`).send({}),
  );
}

async function personOf(people: People, token: string): Promise<Person> {
  const person = await people.byToken(token);
  if (person !== null) return person;
  throw new UnauthenticatedError({
    expected: "a valid operator token",
    got: "one that is unknown or revoked",
    todo: "The first start writes one to admin.token in the data folder.",
  });
}

function addAsset(app: FastifyInstance, path: string, asset: ConsoleAsset): void {
  app.get(path, { schema: { hide: true } }, async (request, reply) => {
    reply
      .header("content-security-policy", POLICY)
      .header("referrer-policy", "no-referrer")
      .header("cache-control", "no-cache")
      .header("etag", asset.etag);
    if (request.headers["if-none-match"] === asset.etag) return reply.status(304).send();
    return reply.type(asset.type).send(asset.body);
  });
}
