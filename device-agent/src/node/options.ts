import { InvalidArgumentError } from "commander";

/** Parsers of option values; what they refuse, commander reports with the option's name. */

export function positiveNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value <= 0) {
    throw new InvalidArgumentError(`Expected a number above 0; got "${text}".`);
  }
  return value;
}

export function positiveInteger(text: string): number {
  const value = positiveNumber(text);
  if (!Number.isInteger(value)) throw new InvalidArgumentError(`Expected a whole number; got "${text}".`);
  return value;
}

export function percent(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0 && value <= 100)) {
    throw new InvalidArgumentError(`Expected a number from 0 to 100; got "${text}".`);
  }
  return value;
}

export function tag(text: string, tags: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError(`Expected NAME=VALUE; got "${text}".`);
  return { ...tags, [text.slice(0, at)]: text.slice(at + 1) };
}
