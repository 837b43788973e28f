import type { ServerEvent } from "@mote/protocol";

/** Subjects of one kind that are named singly; when more change at once, a page is told that much changed. */
const NAMED = 50;

/**
 * Collects events between two deliveries to one listener: one per kind and subject, and of a kind that has very many one
 * that names no subject. What a hundred thousand devices do in a moment costs a page one message.
 */
export class Coalescer {
  private readonly byType = new Map<ServerEvent["type"], Map<string, ServerEvent>>();

  add(event: ServerEvent): void {
    const subjects = this.byType.get(event.type) ?? new Map<string, ServerEvent>();
    this.byType.set(event.type, subjects);
    if (subjects.has("")) return;
    subjects.set(`${event.deviceId ?? ""}/${event.rolloutId ?? ""}`, event);
    if (subjects.size <= NAMED) return;
    subjects.clear();
    subjects.set("", { type: event.type, atMs: event.atMs });
  }

  /** What has come since it was last asked. */
  take(): ServerEvent[] {
    const events = [...this.byType.values()].flatMap((subjects) => [...subjects.values()]);
    this.byType.clear();
    return events;
  }
}
