import type { Kysely } from "kysely";
import { type Changes, changesOf } from "./changes.js";
import { writeTallies } from "./counters.js";
import { failureOf } from "./failures.js";
import type { Tables } from "./tables.js";

type Change<T> = (db: Kysely<Tables>) => Promise<T>;

interface Waiting {
  run(db: Kysely<Tables>): Promise<void>;
  done(): void;
  failed(error: unknown): void;
}

/** Whoever keeps in memory what the store holds. */
export interface ChangeListener {
  /** Within the transaction: what is said here is heard by others if, and only if, it commits. */
  beforeCommit(db: Kysely<Tables>, changes: Changes): Promise<void>;
  /** To be read by others now, and not yet acknowledged. */
  committed(changes: Changes): void;
  /** Resolves when everything that is committed is on the disk. @throws StoreError */
  durable(): Promise<void>;
}

/** Writes per transaction; bounds how long one transaction keeps readers waiting. */
const MAX_GROUP = 512;
/** Runs of a group that another server's transaction keeps getting in the way of. */
const MAX_ATTEMPTS = 5;

/**
 * A disk does some hundred fsyncs a second, a fleet sends some thousand messages: writes that wait at the same time go
 * into one transaction, and none is acknowledged before that transaction's fsync.
 */
export class GroupCommit {
  private readonly db: Kysely<Tables>;
  private waiting: Waiting[] = [];
  private working: Promise<void> | null = null;

  private readonly listener: ChangeListener;

  constructor(db: Kysely<Tables>, listener: ChangeListener) {
    this.db = db;
    this.listener = listener;
  }

  submit<T>(change: Change<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let result: T;
      this.waiting.push({
        run: async (db) => {
          result = await change(db);
        },
        done: () => resolve(result),
        failed: reject,
      });
      this.working ??= this.work();
    });
  }

  /** Settles when nothing waits any more. */
  async drain(): Promise<void> {
    while (this.working !== null) await this.working;
  }

  private async work(): Promise<void> {
    while (this.waiting.length > 0) {
      // One turn of the event loop: whatever the sockets deliver in it joins the group.
      await new Promise((resolve) => setImmediate(resolve));
      const group = this.waiting.splice(0, MAX_GROUP);
      await this.commit(group);
    }
    this.working = null;
  }

  private async commit(group: readonly Waiting[], attempt = 1): Promise<void> {
    let changes: Changes | null = null;
    try {
      await this.db.transaction().execute(async (db) => {
        for (const one of group) await one.run(db);
        await writeTallies(db);
        changes = changesOf(db);
        if (changes !== null) await this.listener.beforeCommit(db, changes);
      });
      if (changes !== null) this.listener.committed(changes);
      await this.listener.durable();
      for (const one of group) one.done();
    } catch (error) {
      const failure = failureOf(error);
      if (failure.kind === "store") {
        if (changes !== null) this.listener.committed(changes);
        // Running them again could do twice what was committed after all; whoever asked repeats what can be repeated.
        for (const one of group) one.failed(failure.error);
        return;
      }
      if (failure.kind === "conflict" && attempt < MAX_ATTEMPTS) return this.commit(group, attempt + 1);
      if (group.length === 1) {
        group[0]!.failed(error);
        return;
      }
      // One of them is at fault: each gets a transaction of its own, so that the others don't pay for it.
      for (const one of group) await this.commit([one]);
    }
  }
}
