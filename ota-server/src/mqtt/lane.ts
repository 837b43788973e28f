/**
 * One caller's requests, answered one after another: so it holds one answer of the server's memory at a time, and its
 * answers come in the order in which it asked.
 */
export class Lane {
  private last: Promise<void> = Promise.resolve();
  private waiting = 0;

  constructor(private readonly maxWaiting: number) {}

  get isIdle(): boolean {
    return this.waiting === 0;
  }

  /** @returns false, and does nothing, when too many wait already. Rejects with what `work` does. */
  async run(work: () => Promise<void>): Promise<boolean> {
    if (this.waiting >= this.maxWaiting) return false;
    this.waiting++;
    const done = this.last.then(work).finally(() => {
      this.waiting--;
    });
    this.last = done.catch(() => undefined);
    await done;
    return true;
  }
}
