import { DigestMismatchError, NetworkError, type Sha256, toHex } from "@mote/protocol";
import { AgentStateError } from "../errors.js";
import type { BlobStore, Clock, Fetcher } from "./ports.js";

export interface DownloadDeps {
  readonly fetcher: Fetcher;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly sha256: Sha256;
  readonly stallMs: number;
  /** Called with the bytes of each chunk that came over the network. */
  onBytes?(count: number): void;
}

/**
 * Brings a blob into the store, going on where an earlier try stopped. Bytes count only once the whole has the digest: one
 * that is held and has decayed comes again.
 * A resumed download whose digest is wrong may owe it to its older part, so that it is fetched once more from its start.
 *
 * @throws NetworkError (try again later), ServerRefusedError, DigestMismatchError (take another route), DiskFullError
 */
export async function download(
  ref: { readonly sha256: string; readonly length: number },
  deps: DownloadDeps,
  signal: AbortSignal,
): Promise<Uint8Array> {
  if (await deps.blobs.has(ref.sha256)) {
    const held = await deps.blobs.read(ref.sha256).catch((error: unknown) => {
      if (error instanceof AgentStateError) return null;
      throw error;
    });
    if (held !== null) return held;
  }
  const resumedFrom = await deps.blobs.partialLength(ref.sha256);
  try {
    return await fetchWhole(ref, deps, signal);
  } catch (error) {
    if (!(error instanceof DigestMismatchError)) throw error;
    await deps.blobs.discardPartial(ref.sha256);
    if (resumedFrom === 0) throw error;
    return fetchWhole(ref, deps, signal).catch(async (again: unknown) => {
      if (again instanceof DigestMismatchError) await deps.blobs.discardPartial(ref.sha256);
      throw again;
    });
  }
}

async function fetchWhole(
  ref: { readonly sha256: string; readonly length: number },
  deps: DownloadDeps,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { blobs } = deps;
  let have = await blobs.partialLength(ref.sha256);
  if (have > ref.length) {
    await blobs.discardPartial(ref.sha256);
    have = 0;
  }
  if (have < ref.length) {
    const watch = watchdog(deps, signal);
    try {
      const stream = await deps.fetcher.blob(ref.sha256, have, watch.signal);
      if (stream.from !== have) {
        await blobs.discardPartial(ref.sha256);
        have = 0;
        // A server that answers from elsewhere than byte 0 or the byte asked for makes no sense.
        if (stream.from !== 0) throw mismatch(ref, `bytes from ${stream.from}`);
      }
      for await (const chunk of stream.chunks) {
        watch.feed(chunk.length);
        have += chunk.length;
        if (have > ref.length) throw mismatch(ref, `at least ${have} bytes`);
        await blobs.appendPartial(ref.sha256, chunk);
        deps.onBytes?.(chunk.length);
      }
    } catch (error) {
      if (watch.hasStalled()) throw stalled(ref.sha256, deps.stallMs, error);
      throw error;
    } finally {
      watch.stop();
    }
  }
  if (have < ref.length) throw broken(ref, have);
  const bytes = await blobs.readPartial(ref.sha256);
  const digest = toHex(deps.sha256(bytes));
  if (digest !== ref.sha256) throw mismatch(ref, `SHA-256 ${digest}`);
  await blobs.put(ref.sha256, bytes);
  await blobs.discardPartial(ref.sha256);
  return bytes;
}

/** Bytes that must come within `stallMs`, so that a trickle does not count as progress. */
export const SLOWEST_BYTES_PER_STALL = 1024;

/** Cuts a link that stays open and brings next to nothing: a slow-retrieval attack, or a network that died quietly. */
function watchdog(deps: DownloadDeps, outer: AbortSignal) {
  const cut = new AbortController();
  const stop = new AbortController();
  let lastMs = deps.clock.monotonicMs();
  let bytesSince = 0;
  let stalledNow = false;
  const onOuter = () => cut.abort();
  outer.addEventListener("abort", onOuter, { once: true });
  if (outer.aborted) cut.abort();
  void (async () => {
    while (!stop.signal.aborted) {
      const restMs = lastMs + deps.stallMs - deps.clock.monotonicMs();
      if (restMs <= 0) {
        stalledNow = true;
        cut.abort();
        return;
      }
      await deps.clock.sleep(restMs, stop.signal);
    }
  })();
  return {
    signal: cut.signal,
    feed: (bytes: number) => {
      bytesSince += bytes;
      if (bytesSince < SLOWEST_BYTES_PER_STALL) return;
      bytesSince = 0;
      lastMs = deps.clock.monotonicMs();
    },
    hasStalled: () => stalledNow,
    stop: () => {
      stop.abort();
      outer.removeEventListener("abort", onOuter);
    },
  };
}

function mismatch(
  ref: { readonly sha256: string; readonly length: number },
  got: string,
): DigestMismatchError {
  return new DigestMismatchError({
    expected: `${ref.length} bytes with SHA-256 ${ref.sha256}`,
    got,
    todo: "The bytes were damaged or exchanged on the way; another route is tried.",
  });
}

function broken(ref: { readonly sha256: string; readonly length: number }, have: number): NetworkError {
  return new NetworkError({
    expected: `${ref.length} bytes of ${ref.sha256}`,
    got: `the connection's end after ${have}`,
    todo: "The download goes on from there at the next try.",
  });
}

function stalled(sha256: string, stallMs: number, cause: unknown): NetworkError {
  return new NetworkError({
    expected: `bytes of ${sha256}`,
    got: `fewer than ${SLOWEST_BYTES_PER_STALL} bytes in ${stallMs / 1000} s`,
    todo: "The download goes on from there at the next try.",
    cause,
  });
}
