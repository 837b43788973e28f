import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** docs/errors.md is made from the error classes, so that no code is without its page and no page without its code. */

export interface ErrorRow {
  readonly code: string;
  readonly exit: string;
  readonly className: string;
  readonly packageName: string;
  readonly meaning: string;
}

const PACKAGES = ["protocol", "toolchain", "ota-server", "device-agent"];
const CLASS =
  /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*export (?:abstract )?class (\w+) extends (\w+)(?:<[^>]*>)? \{([\s\S]*?)\n\}/g;

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name === "dist" || entry.name === "node_modules") return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    return entry.name.endsWith(".ts") && !entry.name.endsWith(".test.ts") ? [path] : [];
  });
}

export function errorRows(root: string): ErrorRow[] {
  const rows: ErrorRow[] = [];
  /** Exit code by class, for classes that leave it to the one that they extend. */
  const exits = new Map<string, string>();
  const parents = new Map<string, string>();
  for (const packageName of PACKAGES) {
    for (const file of sources(join(root, packageName))) {
      const text = readFileSync(file, "utf8");
      for (const [, comment, className, parent, body] of text.matchAll(CLASS)) {
        const exit = /exitCode(?:: [^=]+)? = EXIT\.(\w+)/.exec(body ?? "")?.[1];
        if (exit !== undefined) exits.set(className!, exit);
        parents.set(className!, parent!);
        const code = /code(?:: [^=]+)? = "(MOTE_[A-Z0-9_]+)"/.exec(body ?? "")?.[1];
        if (code === undefined) continue;
        rows.push({
          code,
          exit: exit ?? "",
          className: className ?? "",
          packageName,
          meaning: (comment ?? "")
            .replace(/\n\s*\* ?/g, " ")
            .replace(/\|/g, "\\|")
            .replace(/\s+/g, " ")
            .trim(),
        });
      }
    }
  }
  return rows
    .map((row) => ({ ...row, exit: row.exit || (exits.get(parents.get(row.className) ?? "") ?? "") }))
    .sort((a, b) => (a.code < b.code ? -1 : 1));
}

/** Every MOTE_… code that any source file names in quotes as a code. */
export function codesInSources(root: string): Set<string> {
  const codes = new Set<string>();
  for (const packageName of PACKAGES) {
    for (const file of sources(join(root, packageName))) {
      for (const [, code] of readFileSync(file, "utf8").matchAll(/code(?:: [^=]+)? = "(MOTE_[A-Z0-9_]+)"/g)) {
        codes.add(code!);
      }
    }
  }
  return codes;
}

export function errorsPage(rows: readonly ErrorRow[]): string {
  return [
    "# Errors",
    "",
    "Every error is one paragraph: its code, what was expected, what came, what to do. The exit code is the",
    "same for every command (see [commands.md](commands.md)). This page is made from the error classes by",
    "`npm run docs:errors`; a test fails when the two differ.",
    "",
    "| Code | Exit | Package | Meaning |",
    "|---|---|---|---|",
    ...rows.map((row) => `| \`${row.code}\` | ${row.exit} | ${row.packageName} | ${row.meaning} |`),
    "",
  ].join("\n");
}
