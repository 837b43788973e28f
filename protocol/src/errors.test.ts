import { expect, test } from "vitest";
import { DigestMismatchError, SchemaError, whatCame } from "./errors.js";

const parts = { expected: "a name", got: "no name", todo: "Give one." };

test("an error is one sentence of what was expected and what came, and what to do", () => {
  expect(new SchemaError(parts).message).toBe("Expected a name; got no name. Give one.");
  expect(new SchemaError({ ...parts, todo: "" }).message).toBe("Expected a name; got no name.");
});

test("what others have ended with a full stop, or left empty, goes on in the sentence", () => {
  const { message } = new SchemaError({ ...parts, got: whatCame(new Error("It failed.\n")) });
  expect(message).toBe("Expected a name; got It failed. Give one.");
  expect(new SchemaError({ ...parts, got: "and so on..." }).message).toContain("and so on...");
  expect(new SchemaError({ ...parts, got: "" }).message).toContain('got "". Give one.');
});

test("an error that explains another one takes what came, and not its whole sentence", () => {
  const cause = new SchemaError({ expected: "a number", got: 'line 3: "x"', todo: "Correct that line." });
  const { message } = new DigestMismatchError({ expected: "a budget", got: whatCame(cause), todo: "Look." });
  expect(message).toBe('Expected a budget; got line 3: "x", instead of a number. Look.');
});

test("what another program has told in full stands as it is", () => {
  expect(new SchemaError({ ...parts, told: "No room. (MOTE_BUSY)" }).message).toBe("No room. (MOTE_BUSY)");
});
