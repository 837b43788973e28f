import type { ServerEvent } from "@mote/protocol";

export type EventListener = (event: ServerEvent) => void;

/** Tells open pages and waiting loops that something changed; carries no state, so a missed event costs a refresh. */
export class Events {
  private readonly listeners = new Set<EventListener>();

  private readonly tellPeers: (event: ServerEvent) => void;

  /** @param tellPeers brings an event to the other servers of the same store. */
  constructor(tellPeers: (event: ServerEvent) => void = () => undefined) {
    this.tellPeers = tellPeers;
  }

  emit(event: ServerEvent): void {
    this.tellPeers(event);
    this.receive(event);
  }

  /** An event that another server has emitted. */
  receive(event: ServerEvent): void {
    for (const listener of this.listeners) listener(event);
  }

  /** @returns the function that ends the subscription. */
  subscribe(listener: EventListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
