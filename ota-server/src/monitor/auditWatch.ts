import type { Clock } from "../clock.js";
import { AUDIT_START, type AuditPlace, isAuditHeld, walkAudit } from "../store/audit.js";
import type { Db, Store } from "../store/store.js";

export const AUDIT_WATCH_LIMITS = {
  /** Entries that one look walks: some tens of milliseconds. A log that is longer is walked in several looks. */
  entriesPerLook: 5000,
} as const;

export interface AuditVerdict {
  /** First entry at fault; null where none was found. */
  readonly brokenAt: number | null;
  /** When the last round over all entries began that found no fault; null before the first since the server's start. */
  readonly wholeAtMs: number | null;
}

/**
 * Walks the audit's chain round and round, a part at each look, so that a look costs the same however long the log has
 * grown. The end that was seen last must still be there at the next look: a log that was cut off is found at once.
 */
export class AuditWatch {
  private readonly store: Store;
  private readonly clock: Clock;
  private at: AuditPlace = AUDIT_START;
  private end: AuditPlace = AUDIT_START;
  private roundAtMs = 0;
  private verdict: AuditVerdict = { brokenAt: null, wholeAtMs: null };
  private looking: Promise<AuditVerdict> | null = null;

  constructor(
    store: Store,
    clock: Clock,
    private readonly entriesPerLook: number = AUDIT_WATCH_LIMITS.entriesPerLook,
  ) {
    this.store = store;
    this.clock = clock;
  }

  /** Who asks while a look is under way gets its verdict. */
  look(): Promise<AuditVerdict> {
    this.looking ??= this.store
      .read((db) => this.walk(db))
      .finally(() => {
        this.looking = null;
      });
    return this.looking;
  }

  private async walk(db: Db): Promise<AuditVerdict> {
    if (this.at.number === 0) this.roundAtMs = this.clock();
    if (!(await isAuditHeld(db, this.end))) return this.found(this.end.number);
    const part = await walkAudit(db, this.at, this.entriesPerLook);
    if ("brokenAt" in part) return this.found(part.brokenAt);
    this.at = part.isEnd ? AUDIT_START : part.to;
    if (part.to.number > this.end.number) this.end = part.to;
    // A fault that was found stays said until a whole round finds none.
    if (part.isEnd) this.verdict = { brokenAt: null, wholeAtMs: this.roundAtMs };
    return this.verdict;
  }

  private found(brokenAt: number): AuditVerdict {
    this.at = AUDIT_START;
    this.verdict = { ...this.verdict, brokenAt };
    return this.verdict;
  }
}
