import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe } from "vitest";
import type { Member } from "../store/rollouts.js";
import { Store } from "../store/store.js";
import { TestCluster, whyNoPostgres } from "./postgres.js";

/** The same tests on an embedded store and on PostgreSQL; skipped by name where that can't be had. */
export function onEachStore(what: string, tests: (store: () => Store) => void): void {
  const reason = whyNoPostgres();
  describe.each(["embedded", "postgres"] as const)(`${what} on %s`, (kind) => {
    const isAbsent = kind === "postgres" && reason !== null;
    describe.skipIf(isAbsent)(isAbsent ? `${reason}` : "real and empty", () => {
      let store: Store;
      let remove: () => void;

      beforeAll(async () => {
        if (kind === "postgres") {
          const cluster = await TestCluster.start();
          remove = () => cluster.remove();
          store = await Store.openPostgres(cluster.makeDatabase());
        } else {
          const folder = mkdtempSync(join(tmpdir(), "mote-store-"));
          remove = () => rmSync(folder, { recursive: true });
          store = await Store.openEmbedded(folder);
        }
      });
      afterAll(async () => {
        await store.close();
        remove();
      });

      tests(() => store);
    });
  });
}

/** A device that was just told of a rollout. */
export function toldMember(rolloutId: string, deviceId: string, atMs = 1): Member {
  return {
    rolloutId,
    deviceId,
    wave: 0,
    previousSequence: 1,
    state: "offered",
    code: null,
    attempts: 1,
    offeredAtMs: atMs,
    settledAtMs: null,
    downloadedBytes: 0,
    codec: null,
    detail: null,
    retryAtMs: null,
  };
}
