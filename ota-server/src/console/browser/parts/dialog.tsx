import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { messageOf } from "../server.js";
import { Notice } from "./notice.js";

/** A modal dialog: the browser keeps the focus in it and gives it back; Escape closes it. */
export function Dialog({
  title,
  onClose,
  children,
}: {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
}) {
  const element = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    const returnTo = document.activeElement;
    element.current?.showModal();
    return () => {
      if (returnTo instanceof HTMLElement) returnTo.focus();
    };
  }, []);
  return (
    <dialog ref={element} aria-labelledby={heading} onClose={onClose}>
      <h2 id={heading}>{title}</h2>
      {children}
    </dialog>
  );
}

/** Asks before something is done, says what it does, and shows why it was refused. */
export function ActionDialog({
  title,
  verb,
  isDanger = false,
  isReady = true,
  onDo,
  onClose,
  children,
}: {
  title: string;
  verb: string;
  isDanger?: boolean;
  isReady?: boolean;
  onDo: () => Promise<void>;
  onClose: () => void;
  children: ComponentChildren;
}) {
  const [refusal, setRefusal] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setRefusal(null);
    try {
      await onDo();
      onClose();
    } catch (error) {
      setRefusal(messageOf(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={submit}>
        {children}
        <Refusal text={refusal} />
        <p class="actions">
          <button type="submit" class={`primary ${isDanger ? "danger" : ""}`} disabled={isBusy || !isReady}>
            {verb}
          </button>
          <button type="button" onClick={onClose}>
            Leave it as it is
          </button>
        </p>
      </form>
    </Dialog>
  );
}

/** Why the server did not do it; announced. */
export function Refusal({ text }: { text: string | null }) {
  return <div role="alert">{text === null ? null : <Notice tone="bad">{text}</Notice>}</div>;
}
