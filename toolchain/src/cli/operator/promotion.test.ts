import { expect, test } from "vitest";
import { readPlan } from "./plan.js";
import { promotionOf } from "./promotion.js";

test("a shadow's plan has gates of its own, and its promotion compares with a control group instead", async () => {
  const plan = await readPlan({
    product: "digits",
    release: "2.0.0",
    strategy: "shadow",
    shadowShare: "0.2",
  });
  const metrics = (of: typeof plan) => of.gates.telemetry.map(({ metric }) => metric);
  expect(metrics(plan)).toContain("agreement");
  const promotion = promotionOf({ id: "r1", state: "completed", plan });
  expect(promotion).toMatchObject({ strategy: "staged", waves: plan.waves, version: "2.0.0" });
  expect(promotion.shadowShare).toBeUndefined();
  expect(metrics(promotion)).toEqual(metrics(plan).filter((metric) => metric !== "agreement"));
});

test("only a completed shadow is promoted", async () => {
  const plan = await readPlan({ product: "digits", release: "2.0.0", strategy: "shadow" });
  expect(() => promotionOf({ id: "r1", state: "running", plan })).toThrow(/a shadow one that is running/);
  const staged = await readPlan({ product: "digits", release: "2.0.0" });
  expect(() => promotionOf({ id: "r2", state: "completed", plan: staged })).toThrow(/a staged one/);
});
