import { makeFullPatch, makeTensorPatch, type PatchCodec } from "../../src/index.js";
import { nodeSha256 } from "../crypto.js";
import { makeBsdiffPatch } from "./bsdiff.js";

export interface MadePatch {
  readonly codec: PatchCodec;
  readonly patch: Uint8Array;
}

/** One patch; null when the codec has no answer on this machine. Heavy for full and tensor: about 1 s a megabyte. */
export async function makePatch(
  codec: PatchCodec,
  base: Uint8Array,
  next: Uint8Array,
): Promise<Uint8Array | null> {
  switch (codec) {
    case "full":
      return makeFullPatch(next, { sha256: nodeSha256 });
    case "tensor":
      return makeTensorPatch(base, next, { sha256: nodeSha256 });
    case "bsdiff":
      return makeBsdiffPatch(base, next);
  }
}

/** Patches of all codecs named, the smallest first; none is larger than the best compression without a base. */
export async function makePatches(
  base: Uint8Array,
  next: Uint8Array,
  codecs: readonly PatchCodec[],
): Promise<MadePatch[]> {
  const full = makeFullPatch(next, { sha256: nodeSha256 });
  const made: MadePatch[] = [];
  for (const codec of new Set(codecs)) {
    const patch = codec === "full" ? full : await makePatch(codec, base, next);
    if (patch !== null && patch.length <= full.length) made.push({ codec, patch });
  }
  return made.sort((a, b) => a.patch.length - b.patch.length);
}
