import type { ServerEvent } from "@mote/protocol";
import { useEffect, useRef, useState } from "preact/hooks";
import { messageOf, SignedOut } from "./server.js";

/** Events only say that something changed; what it is now is read again, at most so often. */
const REFRESH_MS = 500;
/** A server that needs long for an answer is asked less often: it should not spend its time on watchers. */
const REST = 4;

export type Connection = "connecting" | "live" | "lost";

type Listener = (event: ServerEvent | "opened") => void;

/** The one stream of events of this page. */
class Stream {
  private readonly listeners = new Set<Listener>();
  private readonly watchers = new Set<(state: Connection) => void>();
  private source: EventSource | null = null;
  state: Connection = "connecting";

  open(): void {
    this.source?.close();
    const source = new EventSource("/api/v1/events");
    this.source = source;
    source.onopen = () => {
      this.say("live");
      for (const listener of this.listeners) listener("opened");
    };
    source.onmessage = (message) => {
      const event = JSON.parse(message.data) as ServerEvent;
      for (const listener of this.listeners) listener(event);
    };
    // The browser connects again by itself; what was missed meanwhile is read on opening.
    source.onerror = () => this.say("lost");
  }

  close(): void {
    this.source?.close();
    this.source = null;
  }

  listen(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  watch(watcher: (state: Connection) => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  private say(state: Connection): void {
    this.state = state;
    for (const watcher of this.watchers) watcher(state);
  }
}

export const stream = new Stream();

/** What the app does when the server doesn't know us any more. */
export const signedOut = { tell: (): void => undefined };

export function useConnection(): Connection {
  const [state, setState] = useState(stream.state);
  useEffect(() => {
    // It may have opened before anybody watched.
    setState(stream.state);
    return stream.watch(setState);
  }, []);
  return state;
}

export interface Live<T> {
  /** Null until it has come for the first time. */
  readonly data: T | null;
  readonly error: string | null;
  readonly reload: () => void;
}

/**
 * Reads, and reads again when an event concerns it. What is shown stays until there is something newer.
 *
 * @param key of what is read: another key is another thing.
 */
export function useLive<T>(
  key: string,
  load: () => Promise<T>,
  concerns: (event: ServerEvent) => boolean,
): Live<T> {
  const [found, setFound] = useState<{ key: string; data: T | null; error: string | null }>();
  const reload = useRef<() => void>(() => undefined);
  const latest = useRef({ load, concerns });
  latest.current = { load, concerns };
  useEffect(() => {
    const refresher = new Refresher(
      () => latest.current.load(),
      (data) => setFound({ key, data, error: null }),
      (error) => setFound((old) => ({ key, data: old?.key === key ? old.data : null, error })),
    );
    reload.current = () => refresher.touch(0);
    refresher.touch(0);
    const onVisible = () => refresher.wake();
    document.addEventListener("visibilitychange", onVisible);
    const unlisten = stream.listen((event) => {
      if (event === "opened" || latest.current.concerns(event)) refresher.touch();
    });
    return () => {
      refresher.end();
      unlisten();
      document.removeEventListener("visibilitychange", onVisible);
    };
  }, [key]);
  const isThis = found?.key === key;
  return {
    data: isThis ? found.data : null,
    error: isThis ? found.error : null,
    reload: () => reload.current(),
  };
}

/** One reading at a time, a pause between two, and none while nobody looks. */
class Refresher<T> {
  private timer: number | null = null;
  private isBusy = false;
  private isDue = false;
  private isEnded = false;
  private pauseMs = REFRESH_MS;

  constructor(
    private readonly load: () => Promise<T>,
    private readonly onData: (data: T) => void,
    private readonly onError: (message: string) => void,
  ) {}

  touch(afterMs = this.pauseMs): void {
    this.isDue = true;
    if (this.timer !== null || this.isBusy || document.hidden) return;
    this.timer = window.setTimeout(() => void this.run(), afterMs);
  }

  wake(): void {
    if (this.isDue) this.touch(0);
  }

  end(): void {
    this.isEnded = true;
    if (this.timer !== null) clearTimeout(this.timer);
  }

  private async run(): Promise<void> {
    this.timer = null;
    this.isDue = false;
    this.isBusy = true;
    const startMs = performance.now();
    try {
      const data = await this.load();
      if (!this.isEnded) this.onData(data);
    } catch (error) {
      if (this.isEnded) return;
      if (error instanceof SignedOut) signedOut.tell();
      else this.onError(messageOf(error));
    } finally {
      this.isBusy = false;
      this.pauseMs = Math.max(REFRESH_MS, REST * (performance.now() - startMs));
      if (this.isDue && !this.isEnded) this.touch();
    }
  }
}

/** Events of these kinds. */
export function of(...types: readonly ServerEvent["type"][]): (event: ServerEvent) => boolean {
  return ({ type }) => types.includes(type);
}
