import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

let hasShown = false;

/** A page's heading. It takes the focus when the page changes, so that a screen reader says where one is. */
export function Title({
  text,
  crumb,
  children,
  actions,
}: {
  text: string;
  crumb?: ComponentChildren;
  children?: ComponentChildren;
  actions?: ComponentChildren;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${text} · Mote`;
  }, [text]);
  useEffect(() => {
    // The first page of all begins where a browser begins.
    if (hasShown) heading.current?.focus({ preventScroll: true });
    hasShown = true;
  }, []);
  return (
    <div>
      {crumb === undefined ? null : <p class="crumb">{crumb}</p>}
      <div class="title">
        <h1 ref={heading} tabIndex={-1}>
          {text}
        </h1>
        {children}
        {actions === undefined ? null : <div class="actions">{actions}</div>}
      </div>
    </div>
  );
}
