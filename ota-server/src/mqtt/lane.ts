/**
 * One caller's requests, answered one after another: so it holds one answer of the server's memory at a time, and its
 * answers come in the order in which it asked.
 */
export class Lane {
  private last: Promise<void> = Promise.resolve();
  private waiting = 0;

  constructor(private readonly maxWaiting: number) {}

  /** @returns false, and does nothing, when too many wait already; `work` must not reject. */
  async run(work: () => Promise<void>): Promise<boolean> {
    if (this.waiting >= this.maxWaiting) return false;
    this.waiting++;
    const done = this.last.then(work).finally(() => {
      this.waiting--;
    });
    this.last = done;
    await done;
    return true;
  }
}
