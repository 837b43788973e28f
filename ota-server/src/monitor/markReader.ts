import type { Store } from "../store/store.js";
import { type FrameMark, MARKS_AT_ONCE, readFrameMarks } from "../store/telemetry.js";

interface Asked {
  readonly id: string;
  readonly resolve: (mark: FrameMark | null) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Reads which frame of a device was counted last. After a restart a whole fleet is asked for within seconds: those that
 * are asked for in one turn of the event loop share a statement, which costs more than a row does.
 */
export class MarkReader {
  private asked: Asked[] = [];

  constructor(private readonly store: Store) {}

  /** Null for a device that is not enrolled. @throws StoreError */
  read(id: string): Promise<FrameMark | null> {
    return new Promise((resolve, reject) => {
      this.asked.push({ id, resolve, reject });
      if (this.asked.length === 1) setImmediate(() => void this.ask());
      if (this.asked.length >= MARKS_AT_ONCE) void this.ask();
    });
  }

  private async ask(): Promise<void> {
    const asked = this.asked;
    this.asked = [];
    if (asked.length === 0) return;
    try {
      const marks = await this.store.read((db) =>
        readFrameMarks(
          db,
          asked.map(({ id }) => id),
        ),
      );
      for (const { id, resolve } of asked) resolve(marks.get(id) ?? null);
    } catch (error) {
      for (const { reject } of asked) reject(error);
    }
  }
}
