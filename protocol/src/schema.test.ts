import { Type } from "@sinclair/typebox";
import { describe, expect, test } from "vitest";
import { RolloutPlan } from "./api/rollout.js";
import { checkSchema } from "./schema.js";

const Plan = Type.Object(
  {
    product: Type.String(),
    onFailure: Type.Optional(Type.Union([Type.Literal("hold"), Type.Literal("rollback-fleet")])),
    waves: Type.Array(Type.Object({ soakS: Type.Integer() }, { additionalProperties: false })),
  },
  { additionalProperties: false },
);

const refusal = (value: unknown, place?: (path: string) => string | null): string => {
  try {
    checkSchema(Plan, value, "the plan", place);
  } catch (error) {
    return (error as Error).message;
  }
  return "accepted";
};

describe("a document that breaks its schema", () => {
  test("is told of a mistyped field by the field that was meant, not as one that is missing", () => {
    expect(refusal({ prodcut: "digits", waves: [] })).toMatch(
      /no such field; the nearest is product out of product, onFailure, waves.*"digits" at "\/prodcut"/,
    );
    expect(refusal({ product: "digits", waves: [{ soak: 1 }] })).toMatch(
      /nearest is soakS.*\/waves\/0\/soak"/,
    );
  });

  test("is told of what is missing where nothing was mistyped", () => {
    expect(refusal({ waves: [] })).toMatch(/it must be there.*\/product/);
  });

  test("is told which values there are, the nearest first", () => {
    const plan = { product: "digits", waves: [] };
    expect(refusal({ ...plan, onFailure: "rolback-fleet" })).toMatch(
      /the nearest is rollback-fleet out of hold, rollback-fleet/,
    );
    expect(refusal({ ...plan, onFailure: 7 })).toMatch(/one of hold, rollback-fleet/);
  });

  test("is told the line of the file where it came from one", () => {
    expect(refusal({ product: 1, waves: [] }, (path) => (path === "/product" ? "line 4" : null))).toMatch(
      /got 1 at "\/product" \(line 4\)\. Correct that line\./,
    );
  });

  test("is refused in a message of bounded length, however hostile", () => {
    const names = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`x${i}`.repeat(50), i]));
    expect(refusal({ ...names }).length).toBeLessThan(1000);
    const message = (() => {
      try {
        return String(checkSchema(RolloutPlan, { ["a".repeat(1_000_000)]: 1 }, "the plan"));
      } catch (error) {
        return (error as Error).message;
      }
    })();
    expect(message.length).toBeLessThan(1500);
  });
});
