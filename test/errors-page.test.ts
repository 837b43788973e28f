import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { codesInSources, errorRows, errorsPage } from "./errors-page.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const page = join(root, "docs/errors.md");

describe("docs/errors.md", () => {
  const rows = errorRows(root);

  it("holds every error class, with the sentence above it (npm run docs:errors makes it)", () => {
    if (process.env["MOTE_WRITE_DOCS"]) writeFileSync(page, errorsPage(rows));
    expect(readFileSync(page, "utf8")).toBe(errorsPage(rows));
  });

  it("leaves out no code", () => {
    expect(rows.map((row) => row.code).sort()).toEqual([...codesInSources(root)].sort());
  });

  it("gives no code to two causes", () => {
    const codes = rows.map((row) => row.code);
    expect(codes.filter((code, i) => codes.indexOf(code) !== i)).toEqual([]);
  });

  it("explains each in a sentence", () => {
    for (const row of rows) expect(row.meaning, row.code).toMatch(/^[A-Z].{15,}[.…:)]?$/);
  });
});
