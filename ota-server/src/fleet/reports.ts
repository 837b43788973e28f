import type { UpdateReport } from "@mote/protocol";
import type { Clock } from "../clock.js";
import type { Events } from "../events.js";
import type { RolloutEngine } from "../rollout/engine.js";
import { hasFailed } from "../rollout/members.js";
import { setLastUpdateFailed, setRunning } from "../store/devices.js";
import { addReport } from "../store/reports.js";
import type { Store } from "../store/store.js";

export interface ReportParts {
  readonly store: Store;
  readonly engine: RolloutEngine;
  readonly events: Events;
  readonly clock: Clock;
}

/** Takes in what devices report, over HTTP or MQTT. */
export class Reports {
  private readonly parts: ReportParts;

  constructor(parts: ReportParts) {
    this.parts = parts;
  }

  /** Resolves when all of them are durable. @returns their ids, those of repetitions too. */
  async add(deviceId: string, reports: readonly UpdateReport[]): Promise<string[]> {
    const atMs = this.parts.clock();
    const fresh = await this.parts.store.write(async (db) => {
      const added: UpdateReport[] = [];
      for (const report of reports) {
        if (!(await addReport(db, deviceId, report, atMs))) continue;
        added.push(report);
        await this.parts.engine.membership.recordReport(db, deviceId, report);
        const failed = hasFailed(report);
        if (failed !== null) await setLastUpdateFailed(db, deviceId, failed);
        if (report.phase === "confirmed" || report.phase === "reverted") {
          await setRunning(db, deviceId, report.runningSequence, atMs);
        }
      }
      return added;
    });
    for (const report of fresh) {
      const rolloutId = report.offerId?.split(":")[0];
      this.parts.events.emit({
        type: "report",
        atMs,
        deviceId,
        text: `${report.phase} ${report.code}`,
        ...(rolloutId === undefined ? {} : { rolloutId }),
      });
    }
    return reports.map((report) => report.id);
  }
}
