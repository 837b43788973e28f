import { LineCounter, parseDocument } from "yaml";

/** What stands in a file that people write by hand: YAML, of which JSON is a part. */
export interface EditedFile {
  /** Null for an empty file. */
  readonly value: unknown;
  /**
   * Where a path such as `/waves/0/share` stands, as "line 4"; of what is missing, the line of what it is missing in. Null where
   * the file says nothing of it.
   */
  readonly place: (path: string) => string | null;
}

/** @throws Error whose message names the line of the first thing that can't be read */
export function parseEdited(text: string): EditedFile {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter });
  const [fault] = document.errors;
  if (fault !== undefined) {
    throw new Error(`line ${fault.linePos?.[0].line ?? 1}: ${fault.message.split("\n")[0]}`);
  }
  const lineOf = (keys: readonly string[]): number | null => {
    const node: unknown = document.getIn(keys, true);
    const range = (node as { range?: readonly number[] } | undefined)?.range;
    return range === undefined || range === null ? null : counter.linePos(range[0]!).line;
  };
  return {
    value: document.toJS(),
    place(path) {
      const keys = path
        .split("/")
        .slice(1)
        .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
      for (let length = keys.length; length > 0; length--) {
        const line = lineOf(keys.slice(0, length));
        if (line !== null) return `line ${line}`;
      }
      return null;
    },
  };
}
