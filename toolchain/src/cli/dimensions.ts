import { UsageError } from "../errors.js";

/** The value of --dim, which may be given more than once: `batch=1`, or `input:2=49` for a dimension without a name. */
export function collectDimension(text: string, known: Record<string, number> = {}): Record<string, number> {
  const at = text.lastIndexOf("=");
  const length = Number(text.slice(at + 1));
  if (at < 1 || !Number.isInteger(length) || length < 1) {
    throw new UsageError({
      expected: "--dim as name=length or input:axis=length",
      got: text,
      todo: "Say for example --dim time=49.",
    });
  }
  return { ...known, [text.slice(0, at)]: length };
}
