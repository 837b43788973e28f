import { readFile } from "node:fs/promises";
import { whatCame } from "@mote/protocol";
import { FileError } from "../errors.js";
import { type Budget, parseBudget } from "./budget.js";

/** Reads a budget file from disk. Throws FileError, BudgetError. */
export async function readBudget(path: string): Promise<Budget> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    throw new FileError({
      expected: `a budget file at ${path}`,
      got: whatCame(cause),
      todo: "Check the path.",
      cause,
    });
  }
  return parseBudget(text, path);
}
