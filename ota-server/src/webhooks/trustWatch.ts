import type { Clock } from "../clock.js";
import { getSetting, setSetting } from "../store/settings.js";
import type { Store } from "../store/store.js";
import { tell } from "./outbox.js";

const AGAIN_MS = 24 * 3_600_000;
/** When webhooks were last told what trust warns of. */
const TOLD_SETTING = "trust-warning-told";

/** Tells webhooks what trust warns of, once a day while it does. */
export class TrustWatch {
  private readonly store: Store;
  private readonly clock: Clock;
  private readonly warnings: () => readonly string[];

  constructor(store: Store, clock: Clock, warnings: () => readonly string[]) {
    this.store = store;
    this.clock = clock;
    this.warnings = warnings;
  }

  async look(): Promise<void> {
    const warnings = this.warnings();
    if (warnings.length === 0) return;
    const atMs = this.clock();
    const told = Number((await this.store.read((db) => getSetting(db, TOLD_SETTING))) ?? 0);
    // A clock that was set back must not silence it for long.
    if (atMs >= told && atMs - told < AGAIN_MS) return;
    await this.store.write(async (db) => {
      await setSetting(db, TOLD_SETTING, String(atMs));
      await tell(
        db,
        warnings.map((warning) => ({ kind: "trust.warning" as const, atMs, data: { warning } })),
      );
    });
  }
}
