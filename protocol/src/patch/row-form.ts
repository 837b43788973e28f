import { SCALE_GRID } from "./layout.js";

/**
 * How one row of codes lies in memory, and the int32 words before and behind its codes, as kernels read them. Both sides
 * of the codec and C share this arithmetic. In bits, from the lowest:
 *   0-1   codes: 0 bytes, 1 pairs
 *   2-3   log2 of the channels
 *   4     codes stand 128 up
 *   5     there are words: the biases of all channels, then of each channel its multiplier and extras
 *   6     the biases of odd channels stand before the codes
 *   7-8   extras: words behind each multiplier
 *   9     extras move as the bias before them does
 *   10-14 bits by which residuals of biases are shifted where their channel's scale did not move
 *   15    where it moved, codes keep their values: they move against it; else they stay
 */
export interface RowForm {
  /**
   * bytes: of each channel in turn. pairs: halfwords of two channels, low + 256 * high, so that a negative low code takes
   * one from the high one; of four channels, a word of either pair in turn.
   */
  readonly codes: (typeof CODE_FORMS)[number];
  readonly channels: 1 | 2 | 4;
  readonly isLifted: boolean;
  readonly keepsValues: boolean;
  readonly words: {
    readonly hasHead: boolean;
    /** 0 to 3. */
    readonly extras: number;
    readonly extrasFollow: boolean;
    readonly shift: number;
  } | null;
}

export const CODE_FORMS = ["bytes", "pairs"] as const;
export const MAX_CHANNELS = 4;

/** Rows of int8 codes, one channel each. */
export const PLAIN_FORM: RowForm = {
  codes: "bytes",
  channels: 1,
  isLifted: false,
  keepsValues: false,
  words: null,
};

export function encodeForm({ codes, channels, isLifted, keepsValues, words }: RowForm): number {
  const low =
    CODE_FORMS.indexOf(codes) | (Math.log2(channels) << 2) | (isLifted ? 16 : 0) | (keepsValues ? 0x8000 : 0);
  if (words === null) return low;
  const { hasHead, extras, extrasFollow, shift } = words;
  return low | 32 | (hasHead ? 64 : 0) | (extras << 7) | (extrasFollow ? 512 : 0) | (shift << 10);
}

/** null where the bits are no form. */
export function decodeForm(bits: number): RowForm | null {
  const codes = CODE_FORMS[bits & 3];
  const log2 = (bits >> 2) & 3;
  if (codes === undefined || log2 > 2) return null;
  return {
    codes,
    channels: (1 << log2) as RowForm["channels"],
    isLifted: (bits & 16) !== 0,
    keepsValues: (bits & 0x8000) !== 0,
    words:
      (bits & 32) === 0
        ? null
        : {
            hasHead: (bits & 64) !== 0,
            extras: (bits >> 7) & 3,
            extrasFollow: (bits & 512) !== 0,
            shift: (bits >> 10) & 31,
          },
  };
}

/** Channels as codes have them: a pair has two, also where one of them is empty. */
export function lanesOf({ codes, channels }: RowForm): number {
  return codes === "pairs" ? Math.max(2, channels) : channels;
}

/** Which of them the code `at` bytes behind the first belongs to. */
export function laneAt({ codes, channels }: RowForm, at: number): number {
  if (codes === "bytes") return at & (channels - 1);
  return (at & 1) | (channels === 4 ? (at >> 1) & 2 : 0);
}

/** Words before the codes of a row. */
export function wordsBefore({ channels, words }: RowForm): number {
  return words?.hasHead ? channels >> 1 : 0;
}

export function wordsBehind(form: RowForm): number {
  const { channels, words } = form;
  return words === null ? 0 : channels * (2 + words.extras) - wordsBefore(form);
}

export interface Word {
  readonly class: "bias" | "multiplier" | "extra";
  readonly channel: number;
}

/** What the words of a row are, those before the codes first. */
export function wordsOf(form: RowForm): Word[] {
  return Array.from({ length: wordsBefore(form) + wordsBehind(form) }, (_, index) => wordAt(form, index));
}

function wordAt(form: RowForm, index: number): Word {
  const before = wordsBefore(form);
  if (index < before) return { class: "bias", channel: 2 * index + 1 };
  const biases = form.channels - before;
  const behind = index - before;
  if (behind < biases) return { class: "bias", channel: before > 0 ? 2 * behind : behind };
  const each = 1 + form.words!.extras;
  const at = (behind - biases) % each;
  return { class: at === 0 ? "multiplier" : "extra", channel: Math.floor((behind - biases) / each) };
}

/**
 * A multiplier in [0, 2^31) after its scale moved by r: round(m * (1 + r / 256)) in 64-bit integers, halved when it
 * leaves 31 bits, because its shift takes the other bit then.
 */
export function multiplierOf(old: number, ratio: number): number {
  const moved = Math.floor((old * (SCALE_GRID + ratio) + SCALE_GRID / 2) / SCALE_GRID);
  return moved < 2 ** 31 ? moved : Math.floor((moved + 1) / 2) >>> 0;
}

/** A bias (int32) is counted in units of the scale: fewer of them when it grew. Modulo 2^32, in 32-bit integers. */
export function biasOf(old: number, ratio: number): number {
  const divisor = SCALE_GRID + ratio;
  const quotient = Math.trunc(old / divisor);
  const rest = old - quotient * divisor;
  return (Math.imul(quotient, SCALE_GRID) + Math.trunc((rest * SCALE_GRID) / divisor)) | 0;
}

/** The code of the same value, rounded half up; modulo 256, as all codes are. */
export function codeOf(old: number, ratio: number): number {
  return ratio === 0 ? old : (biasOf(256 * old, ratio) + 128) >> 8;
}
