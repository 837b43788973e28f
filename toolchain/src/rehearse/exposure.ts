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

/** Counts what the devices themselves say of what they serve. */
export class ExposureCount {
  readonly #serving = new Set<string>();
  readonly #ever = new Set<string>();
  #most = 0;
  #vanished = 0;

  constructor(private readonly candidateSequence: number) {}

  get now(): Exposure {
    return { now: this.#serving.size, ever: this.#ever.size, most: this.#most, vanished: this.#vanished };
  }

  take(line: JsonLine): void {
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
