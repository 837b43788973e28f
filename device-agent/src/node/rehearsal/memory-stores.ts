import { type TrustState, toHex } from "@mote/protocol";
import { nodeSha256 } from "@mote/protocol/node";
import type { AgentStores, BlobStore, Document } from "../../core/ports.js";
import { AgentStateError } from "../../errors.js";

/** A rehearsed device's storage: it forgets with its process, which is what a rehearsal is for. */
export function memoryStores(trust: TrustState): AgentStores {
  return { state: documentOf(), trust: documentOf(trust), telemetry: documentOf(), blobs: blobs() };
}

function documentOf<T>(first: T | null = null): Document<T> {
  let held: T | null = first;
  return {
    load: async () => held,
    save: async (value) => {
      held = value;
    },
  };
}

function blobs(): BlobStore {
  const files = new Map<string, Uint8Array>();
  const partials = new Map<string, Uint8Array>();
  return {
    has: async (sha256) => files.has(sha256),
    async read(sha256) {
      const bytes = files.get(sha256);
      if (bytes !== undefined && toHex(nodeSha256(bytes)) === sha256) return bytes;
      throw new AgentStateError({ expected: `the blob ${sha256}`, got: "nothing", todo: "None." });
    },
    put: async (sha256, bytes) => void files.set(sha256, bytes),
    partialLength: async (sha256) => partials.get(sha256)?.length ?? 0,
    appendPartial: async (sha256, chunk) =>
      void partials.set(sha256, Buffer.concat([partials.get(sha256) ?? new Uint8Array(), chunk])),
    readPartial: async (sha256) => partials.get(sha256) ?? new Uint8Array(),
    discardPartial: async (sha256) => void partials.delete(sha256),
    async keepOnly(wanted) {
      for (const held of [files, partials]) {
        for (const sha256 of held.keys()) if (!wanted.has(sha256)) held.delete(sha256);
      }
    },
    freeBytes: async () => null,
  };
}
