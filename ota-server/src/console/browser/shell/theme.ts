const KEPT = "mote-theme";

/** What the operator chose on this machine; else what the system says. */
export function restoreTheme(): void {
  const kept = localStorage.getItem(KEPT);
  if (kept === "dark" || kept === "light") document.documentElement.dataset["theme"] = kept;
}

export function switchTheme(): void {
  const root = document.documentElement;
  const chosen = root.dataset["theme"];
  const isDark =
    chosen === undefined ? matchMedia("(prefers-color-scheme: dark)").matches : chosen === "dark";
  root.dataset["theme"] = isDark ? "light" : "dark";
  localStorage.setItem(KEPT, isDark ? "light" : "dark");
}
