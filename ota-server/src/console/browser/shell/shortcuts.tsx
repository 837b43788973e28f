import { useEffect, useState } from "preact/hooks";
import { Dialog } from "../parts/dialog.js";
import { to } from "../route.js";

/** Keys of this page. They can be switched off: some speak to their machine, or have keys of their own. */

const GO: Readonly<Record<string, readonly [what: string, href: string]>> = {
  o: ["overview", to.overview()],
  r: ["rollouts", to.rollouts()],
  a: ["approvals", to.approvals()],
  d: ["devices", to.devices()],
  l: ["releases", to.releases()],
  c: ["consumers", to.consumers()],
  t: ["trust", to.trust()],
};
const OFF = "mote-shortcuts-off";
/** Between the g and the letter. */
const CHORD_MS = 1500;

export function Shortcuts() {
  const [isOpen, setOpen] = useState(false);
  const [isOff, setOff] = useState(localStorage.getItem(OFF) !== null);
  useEffect(() => {
    let chordAtMs = 0;
    const onKey = (event: KeyboardEvent) => {
      if (isTyping(event) || document.querySelector("dialog[open]") !== null) return;
      if (event.key === "?") return setOpen(true);
      if (isOff) return;
      const isChord = Date.now() - chordAtMs < CHORD_MS;
      chordAtMs = event.key === "g" ? Date.now() : 0;
      const target = isChord ? GO[event.key]?.[1] : event.key === "n" ? to.newRollout() : undefined;
      if (target !== undefined) location.hash = target;
      else if (event.key === "/") {
        const search = document.querySelector<HTMLElement>("input[type=search]");
        if (search === null) return;
        search.focus();
      } else return;
      event.preventDefault();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [isOff]);
  const toggle = () => {
    if (isOff) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "yes");
    setOff(!isOff);
  };
  return (
    <>
      <button type="button" class="plain" aria-label="Keyboard shortcuts" onClick={() => setOpen(true)}>
        ?
      </button>
      {isOpen ? (
        <Dialog title="Keyboard" onClose={() => setOpen(false)}>
          <dl class="facts">
            {Object.entries(GO).map(([key, [what]]) => (
              <Key key={key} keys={["g", key]} what={what} />
            ))}
            <Key keys={["n"]} what="new rollout" />
            <Key keys={["/"]} what="to the search of this page" />
            <Key keys={["?"]} what="this list" />
            <Key keys={["Esc"]} what="close a dialog" />
          </dl>
          <label class="check">
            <input type="checkbox" checked={!isOff} onChange={toggle} /> Single keys do something
          </label>
          <p class="actions">
            <button type="button" onClick={() => setOpen(false)}>
              Close
            </button>
          </p>
        </Dialog>
      ) : null}
    </>
  );
}

function Key({ keys, what }: { keys: readonly string[]; what: string }) {
  return (
    <>
      <dt>
        {keys.map((key) => (
          <kbd key={key}>{key}</kbd>
        ))}
      </dt>
      <dd>{what}</dd>
    </>
  );
}

function isTyping({ target, ctrlKey, metaKey, altKey }: KeyboardEvent): boolean {
  if (ctrlKey || metaKey || altKey) return true;
  return target instanceof HTMLElement && target.matches("input, textarea, select");
}
