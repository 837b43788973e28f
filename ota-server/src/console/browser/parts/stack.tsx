export interface StackPart {
  readonly name: string;
  readonly count: number;
  /** Class that gives it its colour. */
  readonly look: string;
  readonly href?: string;
}

/** A bar of parts, with its figures in words below; parts of nothing are not shown. */
export function Stack({ label, parts }: { label: string; parts: readonly StackPart[] }) {
  const shown = parts.filter(({ count }) => count > 0);
  const words = shown.map(({ name, count }) => `${count} ${name}`).join(", ");
  return (
    <>
      <div class="stack" role="img" aria-label={`${label}: ${words || "none"}`}>
        {shown.map(({ name, count, look }) => (
          <span key={name} class={look} style={{ flexGrow: String(count) }} />
        ))}
      </div>
      <ul class="legend">
        {shown.map(({ name, count, look, href }) => (
          <li key={name}>
            <i class={`${look.startsWith("v-") ? `chip ${look}` : look}`} />
            {href === undefined ? name : <a href={href}>{name}</a>}{" "}
            <b class="number">{count.toLocaleString("en")}</b>
          </li>
        ))}
      </ul>
    </>
  );
}
