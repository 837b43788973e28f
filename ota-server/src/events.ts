import type { ServerEvent } from "@mote/protocol";

export type EventListener = (event: ServerEvent) => void;

/** Tells open pages and waiting loops that something changed; carries no state, so a missed event costs a refresh. */
export class Events {
  private readonly listeners = new Set<EventListener>();

  emit(event: ServerEvent): void {
    for (const listener of this.listeners) listener(event);
  }

  /** @returns the function that ends the subscription. */
  subscribe(listener: EventListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
