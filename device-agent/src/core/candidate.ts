import {
  EARLIEST_CLOCK_MS,
  findTarget,
  judgeManifest,
  type Manifest,
  parseManifest,
  refresh,
  type TrustState,
  targetPath,
  type Variant,
  WrongReleaseError,
} from "@mote/protocol";
import { type DownloadDeps, download } from "./download.js";
import type { Clock, Crypto, Document } from "./ports.js";
import type { Slot, UpdateOffer } from "./state.js";

/** The question of trust for one offer: is there a signed release at that path, and is it for this device? */

export interface CandidateDeps extends DownloadDeps {
  readonly crypto: Crypto;
  readonly trust: Document<TrustState>;
  readonly clock: Clock;
  readonly hardware: string;
  readonly product: string;
}

/** Null for a clock that shows a time before this software existed; signed time alone counts then. */
export function plausibleClockMs(clock: Clock): number | null {
  const wallMs = clock.wallMs();
  return wallMs === null || wallMs < EARLIEST_CLOCK_MS ? null : wallMs;
}

/**
 * Refreshes trust, fetches the manifest by the digest that was signed, and judges it. Never believes the offer: only
 * its target path is used, as a hint where to look.
 *
 * @throws TrustError, DigestMismatchError, SchemaError (refuse) · NetworkError, ServerRefusedError (try later)
 */
export async function judgeOffer(
  offer: Pick<UpdateOffer, "target">,
  deps: CandidateDeps,
  signal: AbortSignal,
): Promise<Slot> {
  const { sha256, verify } = deps.crypto;
  const clockMs = plausibleClockMs(deps.clock);
  const held = await deps.trust.load();
  if (held === null) throw new Error("the device has no pinned root");
  const state = await refresh(held, {
    sha256,
    verify,
    clockMs,
    path: offer.target,
    fetch: (file, maxBytes) => deps.fetcher.metadata(file, maxBytes, signal),
    persist: (next) => deps.trust.save(next),
  });
  const target = findTarget(state, offer.target, { sha256, verify, clockMs });
  const manifestBytes = await download(target, deps, signal);
  const { manifest, variant } = judgeManifest(
    { target, manifestBytes, state, hardware: deps.hardware, product: deps.product },
    { sha256 },
  );
  return {
    name: manifest.name,
    version: manifest.version,
    sequence: manifest.sequence,
    manifestSha256: target.sha256,
    artifactSha256: variant.artifact.sha256,
    goldenInputsSha256: variant.golden.inputs.sha256,
    goldenOutputsSha256: variant.golden.outputs.sha256,
  };
}

/**
 * The same question for a release that was judged when it came and has waited since: it may have been retired, or its
 * metadata have run out. Whatever path an offer names by now, what is judged is the release that is held.
 *
 * @throws as judgeOffer does
 */
export async function judgeHeld(held: Slot, deps: CandidateDeps, signal: AbortSignal): Promise<void> {
  const { name, version, manifestSha256 } = held;
  const judged = await judgeOffer({ target: targetPath(name, version) }, deps, signal);
  if (judged.manifestSha256 === manifestSha256) return;
  throw new WrongReleaseError({
    expected: `${name} ${version} as it was signed when it came, manifest ${manifestSha256}`,
    got: `manifest ${judged.manifestSha256}`,
    todo: "A release was signed again under its old version. Give what changed a version of its own.",
  });
}

export interface Release {
  readonly slot: Slot;
  readonly manifest: Manifest;
  readonly variant: Variant;
}

/** The release in a slot, from the manifest that was judged when it came. */
export async function openRelease(
  slot: Slot,
  hardware: string,
  read: (sha256: string) => Promise<Uint8Array>,
): Promise<Release> {
  const manifest = parseManifest(await read(slot.manifestSha256));
  const variant = manifest.variants.find((candidate) => candidate.hardware.includes(hardware));
  if (variant === undefined) throw new Error(`release ${slot.version} has no variant for ${hardware}`);
  return { slot, manifest, variant };
}
