/** Makes an element. Text always goes in as text, so nothing that a device reports can become markup. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string | number | boolean | ((event: Event) => void)>> = {},
  ...children: readonly (Node | string | null)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (typeof value === "boolean") element.toggleAttribute(name, value);
    else element.setAttribute(name, String(value));
  }
  for (const child of children) if (child !== null) element.append(child);
  return element;
}

/** The element of this id; the page's skeleton has it. */
export function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`The page has no #${id}.`);
  return element;
}

/** Replaces what a section shows, and keeps the focus on what had it (by data-key). */
export function show(section: HTMLElement, ...children: readonly (Node | null)[]): void {
  const focused = document.activeElement;
  const key =
    focused instanceof HTMLElement && section.contains(focused) ? focused.dataset["key"] : undefined;
  const open = new Set(
    [...section.querySelectorAll<HTMLElement>("details[open][data-key]")].map((one) => one.dataset["key"]),
  );
  section.replaceChildren(...children.filter((child) => child !== null));
  for (const one of section.querySelectorAll<HTMLDetailsElement>("details[data-key]")) {
    if (open.has(one.dataset["key"])) one.open = true;
  }
  if (key !== undefined) section.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`)?.focus();
}

export function percent(share: number | null): string {
  return share === null ? "–" : `${(100 * share).toFixed(1)} %`;
}

export function ago(timeMs: number | null): string {
  if (timeMs === null) return "never";
  const seconds = Math.max(0, Math.round((Date.now() - timeMs) / 1000));
  if (seconds < 120) return `${seconds} s ago`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} d ago`;
}

export function clock(timeMs: number): string {
  return new Date(timeMs).toLocaleTimeString();
}
