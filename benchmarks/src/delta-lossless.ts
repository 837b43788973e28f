import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { applyPatch, findTensorRanges } from "@mote/protocol";
import { makePatch, nodeSha256 } from "@mote/protocol/node";
import type { Pair } from "./delta-pairs.js";
import { PEERS, peerBytes } from "./delta-peers.js";

/** Bytes decoded before the clock runs, and again while it does. */
const WARM_BYTES = 2_000_000;
/** Magic, digests and lengths of a patch. */
const HEADER_BYTES = 80;

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
  /**
   * Of the same update without its biases and scales, payload over the order-0 entropy of the residuals of each tensor;
   * null for containers whose tensors are found by their contents.
   */
  readonly overEntropy: number | null;
  /** Megabytes of result per second of processor time, once warm. */
  readonly tensorDecodeMbps: number;
}

export async function measureLossless(pair: Pair, folder: string): Promise<LosslessRow> {
  const bytes: Record<string, number | null> = {};
  const tensor = (await makePatch("tensor", pair.base, pair.next))!;
  bytes["tensor"] = tensor.length;
  bytes["full"] = (await makePatch("full", pair.base, pair.next))!.length;
  const [oldFile, newFile] = [join(folder, "old"), join(folder, "new")];
  await writeFile(oldFile, pair.base);
  await writeFile(newFile, pair.next);
  for (const peer of PEERS) bytes[peer.name] = await peerBytes(peer, oldFile, newFile, join(folder, "patch"));
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
    overEntropy: await overEntropy(pair),
    tensorDecodeMbps: decodeSpeed(pair, tensor),
  };
}

/** Only files of one layout: tensors are paired by their place. */
async function overEntropy({ base, next, name }: Pair): Promise<number | null> {
  if (name.includes("params") || base.length !== next.length) return null;
  // Not slice(): that of a Buffer is a view.
  const weights = new Uint8Array(base);
  let bits = 0;
  for (const { dtype, offset, length } of findTensorRanges(next)) {
    if (dtype !== "int8") continue;
    weights.set(next.subarray(offset, offset + length), offset);
    bits += entropyBits(base.subarray(offset, offset + length), next.subarray(offset, offset + length));
  }
  const patch = (await makePatch("tensor", base, weights))!;
  return bits === 0 ? null : (patch.length - HEADER_BYTES) / (bits / 8);
}

function entropyBits(old: Uint8Array, next: Uint8Array): number {
  const counts = new Map<number, number>();
  for (let i = 0; i < next.length; i++) {
    const residual = ((next[i]! << 24) >> 24) - ((old[i]! << 24) >> 24);
    counts.set(residual, (counts.get(residual) ?? 0) + 1);
  }
  let bits = 0;
  for (const count of counts.values()) bits -= count * Math.log2(count / next.length);
  return bits;
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
