import type { ConsumerView, ConsumerWarning, Manifest, Variant } from "@mote/protocol";

/** What a change of release changes for those who read the outputs. Pure. */

export interface LabelChanges {
  readonly added: string[];
  readonly removed: string[];
  readonly moved: { label: string; from: number; to: number }[];
}

export function labelChanges(from: readonly string[], to: readonly string[]): LabelChanges {
  const places = new Map(to.map((label, place) => [label, place]));
  const before = new Set(from);
  return {
    added: to.filter((label) => !before.has(label)),
    removed: from.filter((label) => !places.has(label)),
    moved: from.flatMap((label, place) => {
      const now = places.get(label);
      return now === undefined || now === place ? [] : [{ label, from: place, to: now }];
    }),
  };
}

type Reader = Pick<ConsumerView, "reads" | "labels">;

/** Sentences; none when the consumer needs not care. */
export function effectsOn(consumer: Reader, from: Manifest, to: Manifest): string[] {
  const changes = labelChanges(from.labels, to.labels);
  const isWatched = (label: string) => consumer.labels.length === 0 || consumer.labels.includes(label);
  const readsPlaces = consumer.reads.includes("indices") || consumer.reads.includes("scores");
  const effects: string[] = [];
  const removed = changes.removed.filter(isWatched);
  if (removed.length > 0) effects.push(`${classes(removed)} gone`);
  if (changes.added.length > 0 && consumer.labels.length === 0) effects.push(`${classes(changes.added)} new`);
  const moved = changes.moved.filter(({ label }) => isWatched(label));
  if (readsPlaces && moved.length > 0) {
    const first = moved.slice(0, SHOWN).map((one) => `"${one.label}" from ${one.from} to ${one.to}`);
    effects.push(`places in the output change: ${listed(first, moved.length)}`);
  }
  if (readsPlaces && from.labels.length !== to.labels.length) {
    effects.push(`the output has ${to.labels.length} places instead of ${from.labels.length}`);
  }
  if (consumer.reads.includes("scores")) effects.push(...scoreChanges(from.variants, to.variants));
  const [least, next] = [from.envelope?.minConfidence ?? null, to.envelope?.minConfidence ?? null];
  if (least !== next) effects.push(`devices abstain ${bound(next)} instead of ${bound(least)}`);
  return effects;
}

/** @param froms releases that devices come from. */
export function warningsFor(
  consumers: readonly ConsumerView[],
  froms: readonly Manifest[],
  to: Manifest,
): ConsumerWarning[] {
  return consumers.flatMap((consumer) => {
    const several = froms.length > 1;
    const changes = froms.flatMap((from) =>
      effectsOn(consumer, from, to).map((text) => (several ? `coming from ${from.version}: ${text}` : text)),
    );
    return changes.length === 0 ? [] : [{ consumer: consumer.id, contact: consumer.contact, changes }];
  });
}

function scoreChanges(from: readonly Variant[], to: readonly Variant[]): string[] {
  return to.flatMap((variant) => {
    const before = from.find(({ id }) => id === variant.id)?.output;
    const after = variant.output;
    if (before === undefined) return [];
    if (before.dtype !== after.dtype)
      return [`${variant.id}: scores are ${after.dtype} instead of ${before.dtype}`];
    const isRescaled = before.scale !== after.scale || before.zeroPoint !== after.zeroPoint;
    return isRescaled ? [`${variant.id}: one step of a score has another size or zero`] : [];
  });
}

/** Named in a sentence before the others are only counted. */
const SHOWN = 4;

function classes(labels: readonly string[]): string {
  const names = labels.slice(0, SHOWN).map((label) => `"${label}"`);
  return `${labels.length === 1 ? "the class" : "the classes"} ${listed(names, labels.length)} ${labels.length === 1 ? "is" : "are"}`;
}

function listed(shown: readonly string[], all: number): string {
  const more = all - shown.length;
  return more === 0 ? shown.join(", ") : `${shown.join(", ")} and ${more} more`;
}

function bound(minConfidence: number | null): string {
  return minConfidence === null ? "never" : `below ${Math.round(100 * minConfidence)} % confidence`;
}
