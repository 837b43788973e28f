import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { applyPatch, patchHeaderLength } from "@mote/protocol";
import { makePatch, nodeSha256 } from "@mote/protocol/node";
import { type PatchBytes, patchBytes } from "./delta-bits.js";
import { residualEntropy } from "./delta-entropy.js";
import type { Pair } from "./delta-pairs.js";
import { PEERS, peerBytes } from "./delta-peers.js";

/** Bytes decoded before the clock runs, and again while it does. */
const WARM_BYTES = 2_000_000;

export interface LosslessRow {
  readonly update: string;
  readonly isFineTune: boolean;
  readonly newBytes: number;
  readonly bytes: Readonly<Record<string, number | null>>;
  /** tensor over the smallest peer that has the old file too. */
  readonly overSmallestPeer: number | null;
  readonly overBsdiff: number | null;
  /** full over xz. */
  readonly fullOverXz: number | null;
  /** Payload over the order-0 entropy of all residuals that must be sent (delta-entropy.ts); null where files differ in layout. */
  readonly overEntropy: number | null;
  /** Bytes of that entropy: of codes, and of biases, multipliers and scales. */
  readonly entropyBytes: { readonly codes: number; readonly words: number } | null;
  /** Where the bytes of the tensor patch go (delta-bits.ts). */
  readonly tensorBytes: PatchBytes;
  /** Codes alone and words alone over their own entropy: how near the coder comes, without header and naming. */
  readonly codesOverEntropy: number | null;
  readonly wordsOverEntropy: number | null;
  /** Megabytes of result per second of processor time, once warm. */
  readonly tensorDecodeMbps: number;
  /** The peer in JavaScript: bsdiff's patch, applied in the same process. */
  readonly bsdiffDecodeMbps: number | null;
}

export async function measureLossless(pair: Pair, folder: string): Promise<LosslessRow> {
  const bytes: Record<string, number | null> = {};
  const tensor = (await makePatch("tensor", pair.base, pair.next, pair.layouts))!;
  bytes["tensor"] = tensor.length;
  bytes["full"] = (await makePatch("full", pair.base, pair.next, pair.layouts))!.length;
  const [oldFile, newFile] = [join(folder, "old"), join(folder, "new")];
  await writeFile(oldFile, pair.base);
  await writeFile(newFile, pair.next);
  for (const peer of PEERS) bytes[peer.name] = await peerBytes(peer, oldFile, newFile, join(folder, "patch"));
  const entropy = residualEntropy(pair);
  const spent = patchBytes(pair.base, tensor);
  const bsdiff = await makePatch("bsdiff", pair.base, pair.next);
  const ratio = (a: string, b: number | null | undefined): number | null =>
    b === null || b === undefined ? null : bytes[a]! / b;
  const deltas = PEERS.filter(({ name }) => !name.endsWith("alone"))
    .map(({ name }) => bytes[name])
    .filter((size) => typeof size === "number");
  return {
    update: pair.name,
    isFineTune: pair.isFineTune,
    newBytes: pair.next.length,
    bytes,
    overSmallestPeer: ratio("tensor", deltas.length === 0 ? null : Math.min(...deltas)),
    overBsdiff: ratio("tensor", bytes["bsdiff"]),
    fullOverXz: ratio("full", bytes["xz alone"]),
    overEntropy:
      entropy === null
        ? null
        : (tensor.length - patchHeaderLength(tensor)!) / (entropy.codes + entropy.words),
    entropyBytes: entropy,
    tensorBytes: spent,
    codesOverEntropy: over(spent.codes, entropy?.codes),
    wordsOverEntropy: over(spent.words, entropy?.words),
    tensorDecodeMbps: decodeSpeed(pair, tensor),
    bsdiffDecodeMbps: bsdiff === null ? null : decodeSpeed(pair, bsdiff),
  };
}

/** null where there is nothing to say. */
function over(bytes: number, entropy: number | undefined): number | null {
  return entropy === undefined || entropy === 0 ? null : bytes / entropy;
}

/** Processor time, because a benchmark rarely has the machine for itself; digests of base and result included. */
function decodeSpeed(pair: Pair, patch: Uint8Array): number {
  const runs = Math.ceil(WARM_BYTES / pair.next.length);
  const decode = (): void => {
    for (let i = 0; i < runs; i++) applyPatch(pair.base, patch, { sha256: nodeSha256 });
  };
  decode();
  const before = process.cpuUsage();
  decode();
  const { user, system } = process.cpuUsage(before);
  return (runs * pair.next.length) / (user + system);
}
