import type { ComponentChildren } from "preact";
import type { Live } from "../live.js";

export function Notice({
  tone,
  children,
}: {
  tone: "bad" | "wait" | "good" | "idle";
  children: ComponentChildren;
}) {
  return <div class={`notice is-${tone}`}>{children}</div>;
}

/** What has been read, or why it could not be. What was read before stays when a later reading fails. */
export function Loaded<T>({ live, children }: { live: Live<T>; children: (data: T) => ComponentChildren }) {
  const { data, error } = live;
  return (
    <>
      {error === null ? null : (
        <div role="alert">
          <Notice tone="bad">
            {error}{" "}
            <button type="button" class="plain" onClick={live.reload}>
              Try again
            </button>
          </Notice>
        </div>
      )}
      {data === null ? error === null ? <p class="empty">Reading …</p> : null : children(data)}
    </>
  );
}
