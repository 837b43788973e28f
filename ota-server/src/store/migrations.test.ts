import { expect, test } from "vitest";
import { migrationNames } from "./migrations.js";

/** Written before numbers were held unique, and run by stores since. */
const SHARED = "0006";

test("migrations stand in the order in which they run, each with a number of its own", async () => {
  const names = await migrationNames();
  expect(names).toEqual([...names].sort());
  const numbers = names.map((name) => name.slice(0, 4));
  expect(numbers.filter((number, i) => number !== SHARED && numbers.indexOf(number) !== i)).toEqual([]);
  expect(names.filter((name) => name.startsWith(SHARED))).toEqual(["0006-published", "0006-scale"]);
});
