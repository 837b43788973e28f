import type { Tone } from "../words.js";

export function Badge({ word }: { word: readonly [text: string, tone: Tone] }) {
  return <span class={`badge tone-${word[1]}`}>{word[0]}</span>;
}

/** Releases keep their colour everywhere; the label says the same without colour. */
const COLOURS = 8;

export function colourOf(sequence: number): string {
  return sequence === 0 ? "v-none" : `v-${sequence % COLOURS}`;
}

export function versionLabel(version: string | null, sequence: number): string {
  return version ?? (sequence === 0 ? "none yet" : `#${sequence}`);
}

export function Version({ version, sequence }: { version: string | null; sequence: number }) {
  return (
    <span class="nowrap">
      <i class={`chip ${colourOf(sequence)}`} />
      {versionLabel(version, sequence)}
    </span>
  );
}
