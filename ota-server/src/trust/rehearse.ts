import { MetadataMismatchError, pinRoot, refresh } from "@mote/protocol";
import { nodeSha256, nodeVerify } from "@mote/protocol/node";
import type { TrustFile } from "../store/trustFiles.js";
import type { Published } from "./published.js";

const DEPS = { sha256: nodeSha256, verify: nodeVerify };

/**
 * Goes through a device's own refresh on what is to be published, from its root on, and from the root before.
 *
 * @throws TrustError as a device would
 */
export async function rehearse(request: {
  readonly next: Published;
  readonly before: Published | null;
  /** What is new. */
  readonly files: readonly TrustFile[];
  /** A target that leads the search to the delegated role that is new. */
  readonly path: string | undefined;
  readonly readStored: (file: string) => Promise<Uint8Array | null>;
  readonly nowMs: number;
}): Promise<void> {
  const { next, before, files, path, readStored, nowMs } = request;
  const pending = new Map<string, Uint8Array>();
  for (const file of [...files, next.snapshot, next.timestamp]) {
    if (file !== null) pending.set(file.file, file.body);
  }
  const fetch = async (name: string) => pending.get(name) ?? (await readStored(name));
  const deps = { ...DEPS, fetch, persist: async () => {}, clockMs: nowMs };
  const state = await refresh(pinRoot(next.root.body), {
    ...deps,
    ...(path === undefined ? {} : { path }),
  });
  for (const { role, body } of files) {
    if (role === "root" || role === "targets") continue;
    const taken = state.delegated[role];
    if (taken === undefined || Buffer.compare(taken, body) !== 0) {
      throw new MetadataMismatchError({
        expected: `targets metadata that delegates to "${role}"`,
        got: "no delegation by which a device would read it",
        todo: "Sign targets with a delegation to that role first.",
      });
    }
  }
  // The chain from the root before: a device that holds it must accept the new one.
  if (before !== null && next.root !== before.root) await refresh(pinRoot(before.root.body), deps);
}
