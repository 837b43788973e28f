import { makeFullPatch, makeTensorPatch, type ParamsLayout, type PatchCodec } from "../../src/index.js";
import { nodeSha256 } from "../crypto.js";
import { makeBsdiffPatch } from "./bsdiff.js";

export interface MadePatch {
  readonly codec: PatchCodec;
  readonly patch: Uint8Array;
}

/** One patch, by what is known of parameter blobs; null when the codec has no answer on this machine. Heavy for full and tensor: about 1 s a megabyte. */
export async function makePatch(
  codec: PatchCodec,
  base: Uint8Array,
  next: Uint8Array,
  layouts: readonly ParamsLayout[] = [],
): Promise<Uint8Array | null> {
  switch (codec) {
    case "full":
      return makeFullPatch(next, { sha256: nodeSha256, layouts });
    case "tensor":
      return makeTensorPatch(base, next, { sha256: nodeSha256, layouts });
    case "bsdiff":
      return makeBsdiffPatch(base, next);
  }
}

/** Patches of all codecs named, the smallest first; none is larger than the best compression without a base. */
export async function makePatches(
  base: Uint8Array,
  next: Uint8Array,
  codecs: readonly PatchCodec[],
  layouts: readonly ParamsLayout[] = [],
): Promise<MadePatch[]> {
  const full = makeFullPatch(next, { sha256: nodeSha256, layouts });
  const made: MadePatch[] = [];
  for (const codec of new Set(codecs)) {
    const patch = codec === "full" ? full : await makePatch(codec, base, next, layouts);
    if (patch !== null && patch.length <= full.length) made.push({ codec, patch });
  }
  return made.sort((a, b) => a.patch.length - b.patch.length);
}
