import type { JsonLine } from "./program.js";

/** Devices that had the new release. */
export interface Exposure {
  /** That serve by it now. */
  readonly now: number;
  /** That ever did. */
  readonly ever: number;
  readonly most: number;
  readonly vanished: number;
}

/** Counts what the devices themselves say of what they serve, and when. */
export class ExposureCount {
  readonly #changes: { readonly atMs: number; readonly serving: number }[] = [];
  readonly #serving = new Set<string>();
  readonly #ever = new Set<string>();
  #most = 0;
  #vanished = 0;

  constructor(private readonly candidateSequence: number) {}

  get now(): Exposure {
    return { now: this.#serving.size, ever: this.#ever.size, most: this.#most, vanished: this.#vanished };
  }

  /** Devices that served by the new release at this time. */
  servingAt(ms: number): number {
    return this.#changes.findLast(({ atMs }) => atMs <= ms)?.serving ?? 0;
  }

  /** @param line in its order; its time is by the clock that the server's history goes by. */
  take(line: JsonLine): void {
    this.#count(line);
    this.#changes.push({ atMs: Date.parse(String(line["time"])), serving: this.#serving.size });
  }

  #count(line: JsonLine): void {
    const device = String(line["device"]);
    if (line["event"] === "vanished") {
      this.#vanished++;
      this.#serving.delete(device);
    }
    if (line["event"] !== "serving") return;
    if (line["sequence"] !== this.candidateSequence) {
      this.#serving.delete(device);
      return;
    }
    this.#serving.add(device);
    this.#ever.add(device);
    this.#most = Math.max(this.#most, this.#serving.size);
  }
}
