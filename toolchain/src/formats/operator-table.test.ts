import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { operatorsPage } from "./operator-table.js";

const page = fileURLToPath(new URL("../../../docs/operators.md", import.meta.url));

it("docs/operators.md says what the readers and writers do", () => {
  if (process.env["UPDATE_DOCS"] !== undefined) writeFileSync(page, operatorsPage());
  expect(readFileSync(page, "utf8")).toBe(operatorsPage());
});
