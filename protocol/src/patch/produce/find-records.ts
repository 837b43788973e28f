/** What a word must be: "b" bias, "m" multiplier, "o" offset, "s" shift, "z" zero; and its channel in the record. */
export type WordRule = `${"b" | "m" | "o" | "s" | "z"}${0 | 1 | 2 | 3}`;

export interface RecordForm {
  readonly head: readonly WordRule[];
  readonly tail: readonly WordRule[];
  /** Words of codes; null when any number may stand between head and tail. Given: halfwords with an empty low byte. */
  readonly codeWords: number | null;
}

export interface FoundRecords {
  readonly at: number;
  readonly rows: number;
  readonly rowLength: number;
  readonly form: RecordForm;
}

/** The least that a multiplier of 31 bits is, where a channel is no constant. */
const LEAST_MULTIPLIER = 2 ** 16;
const SHIFTS = { least: 8, most: 31 } as const;
/** An input of 8,192 values, two channels a halfword. */
const MAX_CODE_WORDS = 4096;
/** Scales and zero points before the first layer, and what stands between two. */
const MAX_GAP_WORDS = 8;
const GAP_BETWEEN_WORDS = 3;
/**
 * Evidence in bits: what chance makes of every second word, of one in thousands; what multipliers add that lie within a
 * factor of two, less one for each further doubling; and what it costs to choose a layout, or to leave a word unexplained.
 */
const EVIDENCE = {
  multiplier: 1,
  closeMultiplier: 3,
  shift: 12,
  emptyCodes: 8,
  layout: -20,
  gapWord: -3,
} as const;
/** Layouts from one place that are followed up, and places at most. */
const MAX_BRANCHES = 4;
/** Records of the next layer that may look like more of this one. */
const MAX_OVERRUN = 3;
const MAX_PLACES = 3000;

interface Step extends FoundRecords {
  readonly evidence: number;
}

interface Tiling {
  readonly evidence: number;
  readonly step: Step | null;
  /** Where this one goes on; the end where it does not. */
  readonly next: number;
}

/**
 * Runs of records that together explain the bytes from `start` to the end best: a wrong layout may look right by chance
 * over a few records, but then nothing that does fits on behind it. Empty when nothing explains them.
 */
export function findRecords(view: DataView, start: number, forms: readonly RecordForm[]): FoundRecords[] {
  const words = new Words(view);
  const known = new Map<number, Tiling>();
  const tile = (at: number, gap: number): Tiling => {
    const end: Tiling = { evidence: 0, step: null, next: view.byteLength };
    if (at + 8 > view.byteLength) return end;
    const key = at * (MAX_GAP_WORDS + 1) + gap;
    const before = known.get(key);
    if (before !== undefined) return before;
    // What stays unexplained up to the end costs as much as a gap of that length.
    let best: Tiling = { ...end, evidence: (EVIDENCE.gapWord * (view.byteLength - at)) / 4 };
    known.set(key, best);
    if (known.size > MAX_PLACES) return best;
    for (const step of stepsFrom(words, at, forms)) {
      const next = at + step.rows * step.rowLength;
      const evidence = step.evidence + tile(next, MAX_GAP_WORDS - GAP_BETWEEN_WORDS).evidence;
      if (evidence > best.evidence) best = { evidence, step, next };
    }
    if (gap < MAX_GAP_WORDS) {
      const evidence = EVIDENCE.gapWord + tile(at + 4, gap + 1).evidence;
      if (evidence > best.evidence) best = { evidence, step: null, next: at + 4 };
    }
    known.set(key, best);
    return best;
  };
  const found: FoundRecords[] = [];
  let gap = 0;
  for (let at = start; at + 8 <= view.byteLength; ) {
    const { step, next } = tile(at, gap);
    if (step !== null) found.push(step);
    gap = step === null ? gap + 1 : MAX_GAP_WORDS - GAP_BETWEEN_WORDS;
    at = next;
  }
  return found;
}

/** What each word could be, looked up many times. */
class Words {
  readonly count: number;
  readonly #evidence: Readonly<Record<string, Int8Array>>;
  readonly hasEmptyLowBytes: Uint8Array;
  /** Logarithm of what may be a multiplier; 0 of all else. */
  readonly octave: Float32Array;

  constructor(view: DataView) {
    this.count = view.byteLength >> 2;
    const each = (evidence: (word: number) => number): Int8Array =>
      Int8Array.from({ length: this.count }, (_, i) => evidence(view.getInt32(4 * i, true)));
    this.#evidence = {
      m: each((word) => (word === 0 ? 0 : word >= LEAST_MULTIPLIER ? EVIDENCE.multiplier : -1)),
      s: each((word) => (word >= SHIFTS.least && word <= SHIFTS.most ? EVIDENCE.shift : -1)),
      o: each((word) => (word >= 0 ? 0 : -1)),
      z: each((word) => (word === 0 ? 0 : -1)),
    };
    this.octave = Float32Array.from({ length: this.count }, (_, i) => {
      const word = view.getInt32(4 * i, true);
      return word >= LEAST_MULTIPLIER ? Math.log2(word) : 0;
    });
    this.hasEmptyLowBytes = Uint8Array.from({ length: this.count }, (_, i) =>
      (view.getInt32(4 * i, true) & 0x00ff00ff) === 0 ? 1 : 0,
    );
  }

  /** Bits of evidence for a rule by word, -1 against it; null for a rule that every word keeps. */
  evidence(rule: WordRule): Int8Array | null {
    return this.#evidence[rule.charAt(0)] ?? null;
  }
}

/** The likeliest layouts of what begins at `at`, each as far as it goes and a few records less. */
function stepsFrom(words: Words, at: number, forms: readonly RecordForm[]): Step[] {
  const steps: Step[] = [];
  for (const form of forms) {
    const [least, most] = form.codeWords === null ? [1, MAX_CODE_WORDS] : [form.codeWords, form.codeWords];
    const others = form.head.length + form.tail.length;
    const tail = form.tail.map((rule) => words.evidence(rule));
    for (let codeWords = least; codeWords <= most; codeWords++) {
      const rowLength = 4 * (others + codeWords);
      if (at / 4 + 2 * (others + codeWords) > words.count) break;
      const step = stepOf(words, { at, rows: words.count, rowLength, form }, tail);
      if (step !== null) steps.push(step);
    }
  }
  steps.sort((a, b) => b.evidence - a.evidence);
  // Records that keep the rules keep them two, three … at a time as well.
  const isMultiple = ({ rowLength }: Step, i: number): boolean =>
    steps.slice(0, i).some((better) => rowLength % better.rowLength === 0);
  return steps
    .filter((step, i) => !isMultiple(step, i))
    .slice(0, MAX_BRANCHES)
    .flatMap((step) => {
      const tail = step.form.tail.map((rule) => words.evidence(rule));
      const shorter = Array.from({ length: MAX_OVERRUN }, (_, less) =>
        stepOf(words, { ...step, rows: step.rows - less - 1 }, tail),
      );
      return [step, ...shorter.filter((other) => other !== null)];
    });
}

/**
 * Records up to the first that breaks a rule, `most.rows` at most; null where they are no evidence for their layout. The
 * first record is none: among thousands of widths one always fits.
 */
function stepOf(words: Words, most: FoundRecords, tail: readonly (Int8Array | null)[]): Step | null {
  const [first, rowWords] = [most.at / 4, most.rowLength / 4];
  let [rows, evidence] = [0, EVIDENCE.layout as number];
  for (let row = first; rows < most.rows && row + rowWords <= words.count; row += rowWords) {
    const bits = evidenceOf(words, row + rowWords, most.form, tail);
    if (bits < 0) break;
    if (rows > 0) evidence += bits;
    rows++;
  }
  if (rows < 2) return null;
  evidence += closeness(words, first, rowWords, rows, most.form);
  return evidence > 0 ? { ...most, rows, evidence } : null;
}

/** Of the record that ends before word `end`; -1 against it. */
function evidenceOf(
  words: Words,
  end: number,
  { tail: { length }, codeWords }: RecordForm,
  tail: readonly (Int8Array | null)[],
): number {
  let bits = codeWords === null ? 0 : EVIDENCE.emptyCodes;
  for (let i = 1; i <= length; i++) {
    const more = tail[length - i]?.[end - i] ?? 0;
    if (more < 0) return -1;
    bits += more;
  }
  for (let k = 1; k <= (codeWords ?? 0); k++) {
    if (words.hasEmptyLowBytes[end - length - k] === 0) return -1;
  }
  return bits;
}

/** What the multipliers of a layer add by being alike. */
function closeness(
  words: Words,
  first: number,
  rowWords: number,
  rows: number,
  { tail }: RecordForm,
): number {
  let [count, least, most] = [0, Number.POSITIVE_INFINITY, 0];
  for (let i = 0; i < tail.length; i++) {
    if (tail[i]!.charAt(0) !== "m") continue;
    for (let row = 0; row < rows; row++) {
      const octave = words.octave[first + (row + 1) * rowWords - tail.length + i]!;
      if (octave === 0) continue;
      count++;
      least = Math.min(least, octave);
      most = Math.max(most, octave);
    }
  }
  const spread = Math.max(1, most - least) - 1;
  return count === 0 ? 0 : (count - 1) * Math.max(0, EVIDENCE.closeMultiplier - spread);
}
