/**
 * A map of bounded size: beyond it the entry that was set first is forgotten. Setting and forgetting cost the same however
 * large it is; a fresh iterator for each would step over all that were deleted before.
 */
export class BoundedMap<K, V> {
  private readonly entries = new Map<K, V>();
  private readonly maxSize: number;
  private oldest: Iterator<K>;

  constructor(maxSize: number) {
    this.maxSize = maxSize;
    this.oldest = this.entries.keys();
  }

  get size(): number {
    return this.entries.size;
  }

  get(key: K): V | undefined {
    return this.entries.get(key);
  }

  /** One that is there already counts as set anew. */
  set(key: K, value: V): void {
    this.entries.delete(key);
    this.entries.set(key, value);
    while (this.entries.size > this.maxSize) {
      const { value: first, done } = this.oldest.next();
      // At its end an iterator has ended for good.
      if (done === true) this.oldest = this.entries.keys();
      else this.entries.delete(first);
    }
  }

  delete(key: K): void {
    this.entries.delete(key);
  }

  clear(): void {
    this.entries.clear();
    this.oldest = this.entries.keys();
  }
}
