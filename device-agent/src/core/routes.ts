import {
  type ArtifactRef,
  applyPatch,
  DigestMismatchError,
  NetworkError,
  ServerRefusedError,
  toHex,
} from "@mote/protocol";
import { RoutesFailedError } from "../errors.js";
import { type DownloadDeps, download } from "./download.js";
import { messageOf } from "./report-code.js";
import type { UpdateOffer } from "./state.js";

/** The ways to an artifact's bytes, smallest first. A route is a hint: only the digest in the signed manifest counts. */

type Route = UpdateOffer["routes"][number];

/** Those that can be a way to it: what is longer than the artifact itself is a lie, and would cost room and money. */
export function usableRoutes(routes: readonly Route[], artifact: Pick<ArtifactRef, "length">): Route[] {
  return routes.filter(({ blob }) => blob.length <= artifact.length);
}

export interface RouteChoice {
  readonly route: Route;
  /** Blobs that turned out useless on the way to this one. */
  readonly failed: readonly string[];
}

/**
 * Downloads the first route that can be downloaded; those of `failed` are left out.
 *
 * @throws NetworkError where the link is the trouble (the same route again later), RoutesFailedError when none is left,
 *   DiskFullError
 */
export async function fetchRoute(
  routes: readonly Route[],
  failed: readonly string[],
  deps: DownloadDeps & { onFailed(route: Route, reason: string): void },
  signal: AbortSignal,
): Promise<RouteChoice> {
  const useless = [...failed];
  const reasons: string[] = [];
  for (const route of routes) {
    if (useless.includes(route.blob.sha256)) continue;
    if (route.baseSha256 !== null && !(await deps.blobs.has(route.baseSha256))) {
      useless.push(route.blob.sha256);
      reasons.push(`${route.codec}: its base ${route.baseSha256.slice(0, 12)} is not on this device`);
      continue;
    }
    try {
      await download(route.blob, deps, signal);
      return { route, failed: useless };
    } catch (error) {
      const mayGoElsewhere = error instanceof DigestMismatchError || isGone(error);
      if (!mayGoElsewhere) throw error;
      useless.push(route.blob.sha256);
      reasons.push(`${route.codec}: ${messageOf(error)}`);
      deps.onFailed(route, messageOf(error));
    }
  }
  throw new RoutesFailedError({
    expected: "one of the offered routes to lead to the artifact",
    got:
      reasons.length === 0 ? `${routes.length} routes, all of which had failed before` : reasons.join("; "),
    todo: "The device asks again later; see that the server's blobs are whole.",
  });
}

/** The server says that it will not give this blob; anything else of it may pass. */
function isGone(error: unknown): boolean {
  return error instanceof ServerRefusedError && (error.status === 404 || error.status === 410);
}

/** Worth waiting for: the same request may succeed later. */
export function isTransient(error: unknown): boolean {
  if (error instanceof NetworkError) return true;
  return (
    error instanceof ServerRefusedError && (error.status >= 500 || [401, 408, 429].includes(error.status))
  );
}

/**
 * The artifact's bytes from a downloaded route, checked against what was signed.
 *
 * @throws a MoteError of the patch's decoder, or DigestMismatchError
 */
export async function artifactFrom(
  route: Route,
  artifact: ArtifactRef,
  deps: Pick<DownloadDeps, "blobs" | "sha256">,
): Promise<Uint8Array> {
  const blob = await deps.blobs.read(route.blob.sha256);
  if (route.blob.sha256 === artifact.sha256) return blob;
  const base = route.baseSha256 === null ? new Uint8Array() : await deps.blobs.read(route.baseSha256);
  const bytes = applyPatch(base, blob, { sha256: deps.sha256, maxResultBytes: artifact.length });
  const digest = toHex(deps.sha256(bytes));
  if (digest !== artifact.sha256) {
    throw new DigestMismatchError({
      expected: `an artifact with SHA-256 ${artifact.sha256}`,
      got: `${digest} from the ${route.codec} route`,
      todo: "The patch does not fit; another route is tried.",
    });
  }
  return bytes;
}
