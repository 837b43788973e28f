import { createHmac } from "node:crypto";
import type { Clock } from "../clock.js";
import { isEqualSecret } from "../secrets.js";
import { secretSetting } from "../store/settings.js";
import type { Store } from "../store/store.js";

/** Passes of a day are alike, so that a document which holds one keeps its ETag; each is good for one day and up to two. */
const DAY_MS = 86_400_000;

/**
 * Passes to single blobs, for whoever can't show a token with the download: clients of hawkBit's door follow a link. A pass
 * carries its own proof; servers on one store accept each other's.
 */
export class DownloadRights {
  private readonly secret: Buffer;
  private readonly clock: Clock;

  private constructor(secret: Buffer, clock: Clock) {
    this.secret = secret;
    this.clock = clock;
  }

  static async open(store: Store, clock: Clock): Promise<DownloadRights> {
    return new DownloadRights(await secretSetting(store, "download-secret"), clock);
  }

  /** Text that is safe in a URL. */
  pass(sha256: string): string {
    const untilMs = (Math.floor(this.clock() / DAY_MS) + 2) * DAY_MS;
    return `${untilMs}.${this.tag(sha256, untilMs)}`;
  }

  isGood(sha256: string, pass: string): boolean {
    const match = /^(\d{1,15})\.([0-9a-f]{32})$/.exec(pass);
    if (match === null || Number(match[1]) <= this.clock()) return false;
    const wanted = this.tag(sha256, Number(match[1]));
    return isEqualSecret(Buffer.from(match[2]!, "hex"), Buffer.from(wanted, "hex"));
  }

  private tag(sha256: string, untilMs: number): string {
    return createHmac("sha256", this.secret).update(`${sha256}\n${untilMs}`).digest("hex").slice(0, 32);
  }
}
