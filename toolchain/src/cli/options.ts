import { access, constants } from "node:fs/promises";
import { dirname, extname } from "node:path";
import { whatCame } from "@mote/protocol";
import { FileError, LimitError, UsageError } from "../errors.js";
import { WRITABLE } from "../formats/index.js";

/** Checks of option values that several commands share. */

export function positive(flag: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new UsageError({ expected: `${flag} as a positive integer`, got: text, todo: "Correct the option." });
}

export function wholeNumber(flag: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isInteger(value) && value >= least && value <= most) return value;
  throw new UsageError({
    expected: `${flag} as a whole number from ${least} to ${most}`,
    got: text,
    todo: "Correct the option.",
  });
}

/** Keys of one role, and so its threshold at most. */
export const MAX_KEYS = 10_000;

/** How long something signed stands. */
export function days(flag: string, text: string): number {
  return wholeNumber(flag, text, 1, 10_000);
}

export function share(flag: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= 0 && value <= 1) return value;
  throw new UsageError({ expected: `${flag} between 0 and 1`, got: text, todo: "Correct the option." });
}

/** Points of per cent, 0 to 100. */
export function points(flag: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= 0 && value <= 100) return value;
  throw new UsageError({
    expected: `${flag} as points of accuracy between 0 and 100`,
    got: text,
    todo: "Correct the option.",
  });
}

/** A signal-to-noise ratio. */
export function decibels(flag: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value > 0 && value <= 150) return value;
  throw new UsageError({
    expected: `${flag} in dB, above 0 and at most 150`,
    got: text,
    todo: "Correct the option.",
  });
}

export function oneOf<T extends string>(flag: string, given: string, allowed: readonly T[]): T {
  const found = allowed.find((value) => value === given);
  if (found !== undefined) return found;
  throw new UsageError({
    expected: `${flag} to be one of ${allowed.join(", ")}`,
    got: given,
    todo: "Correct the option.",
  });
}

/** Refuses a model file that could not be written in the end before any time is spent on what is to go in. */
export async function requireWritableModel(path: string): Promise<void> {
  const ending = extname(path).toLowerCase();
  if (!(WRITABLE as readonly string[]).includes(ending)) {
    throw new UsageError({
      expected: `an output file that ends in ${WRITABLE.join(" or ")}`,
      got: path,
      todo: "Choose a name with one of these endings.",
    });
  }
  try {
    await access(dirname(path), constants.W_OK);
  } catch (cause) {
    throw new FileError({
      expected: `a folder "${dirname(path)}" to write ${path} into`,
      got: whatCame(cause),
      todo: "Make the folder first, or choose another.",
      cause,
    });
  }
}

/** --min-accuracy: throws LimitError (exit 3) below the floor. */
export function requireAccuracy(floor: string | undefined, accuracy: number | undefined): void {
  if (floor === undefined) return;
  const least = Number(floor);
  if (accuracy === undefined || !(least >= 0 && least <= 1)) {
    throw new UsageError({
      expected: "--min-accuracy between 0 and 1, and data with labels",
      got: accuracy === undefined ? "data without labels" : floor,
      todo: "Give labelled data.",
    });
  }
  if (accuracy < least) {
    throw new LimitError({
      expected: `an accuracy of at least ${least}`,
      got: `${accuracy}`,
      todo: "Find the layer that loses it: mote evaluate INT8 --data D --against FLOAT --layers.",
    });
  }
}
