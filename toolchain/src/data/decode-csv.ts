import { DataError } from "../errors.js";
import type { Recording } from "./recording.js";

/** Numbers separated by commas, semicolons or blanks; a first row that is not numeric is a heading. */
export function decodeCsv(bytes: Uint8Array, path: string): Recording {
  const lines = new TextDecoder().decode(bytes).split(/\r?\n/);
  const rows: number[][] = [];
  for (const [index, line] of lines.entries()) {
    if (line.trim() === "") continue;
    const cells = line
      .trim()
      .split(/\s*[,;]\s*|\s+/)
      .map(Number);
    if (cells.some(Number.isNaN)) {
      if (rows.length === 0 && index === 0) continue;
      throw new DataError({
        expected: "numbers",
        got: `"${line.slice(0, 60)}" in line ${index + 1} of "${path}"`,
        todo: "Repair the line.",
      });
    }
    if (rows.length > 0 && cells.length !== rows[0]!.length) {
      throw new DataError({
        expected: `${rows[0]!.length} columns`,
        got: `${cells.length} in line ${index + 1} of "${path}"`,
        todo: "Repair the line.",
      });
    }
    rows.push(cells);
  }
  return {
    shape: [rows.length, rows[0]?.length ?? 0],
    values: Float32Array.from(rows.flat()),
    isSequence: true,
  };
}
