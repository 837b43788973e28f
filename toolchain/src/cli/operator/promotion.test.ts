import { expect, test } from "vitest";
import { readPlan } from "./plan.js";
import { promotionOf } from "./promotion.js";

const plan = await readPlan({ product: "digits", release: "2.0.0", strategy: "shadow" });

test("what the server proposes is promoted", () => {
  const promotion = { ...plan, strategy: "staged" as const };
  expect(promotionOf({ id: "r1", state: "completed", plan, promotion })).toBe(promotion);
});

test("where it proposes nothing the refusal says what would be promoted", () => {
  const refused = { id: "r1", state: "running", plan, promotion: null } as const;
  expect(() => promotionOf(refused)).toThrow(/a shadow one that is running/);
  const { strategy: _, ...staged } = plan;
  expect(() => promotionOf({ ...refused, plan: staged })).toThrow(/a staged one/);
});
