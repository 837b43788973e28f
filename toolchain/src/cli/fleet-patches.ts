import { readFile } from "node:fs/promises";
import { extname } from "node:path";
import { PATCH_CODECS } from "@mote/protocol";
import { makePatches } from "@mote/protocol/node";
import { readModel } from "../formats/index.js";
import type { Graph } from "../graph/graph.js";
import type { FleetPatch } from "../quantize/update-aware/curve-page.js";
import { requireSameArchitecture } from "../quantize/update-aware/previous.js";

/** A version that devices hold. */
export interface HeldModel {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly graph: Graph;
}

/** Reads what devices hold and refuses, before anything long begins, what no patch of parameters leads from. */
export async function readHeldModels(paths: readonly string[], next: Graph): Promise<HeldModel[]> {
  const held: HeldModel[] = [];
  for (const path of paths) {
    const graph = await readModel(path);
    requireSameArchitecture(next, graph, path);
    held.push({ path, bytes: new Uint8Array(await readFile(path)), graph });
  }
  return held;
}

export interface FleetPatches {
  /** One for each version, in the order that they were named in. */
  readonly patches: readonly FleetPatch[];
  readonly fullBytes: number;
}

/** What a device of each version fetches: the smallest patch that `mote diff` makes. */
export async function fleetPatches(held: readonly HeldModel[], next: Uint8Array): Promise<FleetPatches> {
  const patches: FleetPatch[] = [];
  let fullBytes = next.length;
  for (const { path, bytes } of held) {
    const made = await makePatches(bytes, next, PATCH_CODECS);
    const { codec, patch } = made[0]!;
    fullBytes = made.find((each) => each.codec === "full")!.patch.length;
    patches.push({
      previous: path,
      codec,
      oldBytes: bytes.length,
      patchBytes: patch.length,
      share: patch.length / next.length,
    });
  }
  return { patches, fullBytes };
}

export function describePatches({ patches, fullBytes }: FleetPatches, newPath: string): string[] {
  const lines = patches.map((patch) => {
    const isForeign = extname(patch.previous).toLowerCase() !== extname(newPath).toLowerCase();
    const note = isForeign ? `; devices that hold ${extname(newPath)} files patch less` : "";
    return `  from ${patch.previous}: ${patch.patchBytes} B (${patch.codec}), ${(100 * patch.share).toFixed(1)} % of the new file${note}`;
  });
  return [...lines, `  without an old file: ${fullBytes} B (full)`];
}
