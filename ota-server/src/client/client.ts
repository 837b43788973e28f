import createClient, { type Client } from "openapi-fetch";
import type { paths } from "./schema.js";

/**
 * A client for programs that speak HTTP with the server and nothing else of Mote: every path, parameter and answer is
 * typed by the server's own OpenAPI document (schema.ts is generated from it: `npm run openapi`).
 *
 * @param url of the server, such as "https://mote.example.org:8080".
 * @param token of a person; viewers read, others act.
 */
export function createServerClient(url: string, token: string): Client<paths> {
  return createClient<paths>({ baseUrl: url, headers: { authorization: `Bearer ${token}` } });
}
