import type { UpdateReport } from "./options.js";

/** Classes shown to people; --json has all. */
const MOST_SHOWN = 10;

/** What the update costs by class, for whoever signs: only those that got worse, the worst first. */
export function describeSignOff({ perClass, measure, withinLoss }: UpdateReport): string[] {
  if (!withinLoss) return [];
  const worse = Object.entries(perClass)
    .flatMap(([name, { plain, update, samples }]) =>
      plain === null || update === null || update >= plain ? [] : [{ name, plain, update, samples }],
    )
    .sort((a, b) => a.update - a.plain - (b.update - b.plain));
  const found = measure === "accuracy" ? "found" : "as the float model";
  if (worse.length === 0) return ["  to sign off: no class got worse"];
  const percent = (share: number): string => (100 * share).toFixed(1);
  const shown = worse
    .slice(0, MOST_SHOWN)
    .map(
      ({ name, plain, update, samples }) =>
        `    ${name}: ${percent(plain)} -> ${percent(update)} % ${found}, of ${samples} samples`,
    );
  const rest = worse.length > MOST_SHOWN ? [`    and ${worse.length - MOST_SHOWN} more`] : [];
  return [
    "  to sign off: it is another model than the one that was validated, and worse at",
    ...shown,
    ...rest,
  ];
}
