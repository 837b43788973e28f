import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ConsoleBrowser, hasBrowser, picture, visit } from "../testing/consoleBrowser.js";
import { furnish, type Gallery, state, take, windows } from "../testing/gallery.js";
import { eventually, TestBench } from "../testing/server.js";

/** Which of two releases is better, asked and answered on the page. */

describe.skipIf(!hasBrowser)("an A/B test in the console (needs chromium)", () => {
  let bench: TestBench;
  let gallery: Gallery;
  let browser: ConsoleBrowser;
  let page: Page;

  beforeAll(async () => {
    bench = await TestBench.start();
    gallery = await furnish(bench);
    browser = await ConsoleBrowser.launch(bench);
    page = await browser.signIn(await bench.addPerson("olga", "operator"));
  }, 240_000);
  afterAll(async () => {
    await browser?.close();
    await Promise.all((gallery?.devices ?? []).map((device) => device.disconnect()));
    await bench.close();
  });

  test("is staged over half of the fleet", async () => {
    await visit(page, "/new-rollout?product=digits&version=2.0.0", "New rollout");
    await page.getByRole("radio", { name: /^Give it to a part/ }).check();
    await page.getByText("12 of 24 devices would get it").waitFor();
    await page.getByText("1. B: 12 devices, 12 to compare with").waitFor();
    expect(await page.getByRole("button", { name: "Add a wave" }).count()).toBe(0);
    await page.getByLabel("Size").fill("100");
    await page.getByText("leaves devices without the release").waitFor();
    await page.getByLabel("Size").fill("50");
    await page.getByLabel("Watch, min").fill("10");
    await page.getByLabel("Only while the device is idle").uncheck();
    await page.getByText("12 of 24 devices would get it").waitFor();
    await page.getByRole("button", { name: "Start with 12 devices" }).click();
    await page.getByRole("heading", { name: "digits 2.0.0", level: 1 }).waitFor();
  }, 120_000);

  test("shows what is found while it is found, and leaves newcomers to the draw", async () => {
    const { devices } = gallery;
    await take(devices, 2, 12);
    expect(devices.filter(({ sequence }) => sequence === 2)).toHaveLength(12);
    const { id } = await state(bench.operator, "running");
    await eventually(async () => {
      await windows(devices, ({ sequence }) => ({
        confidence: sequence === 2 ? 0.95 : 0.88,
        accuracy: 0.95,
      }));
      const { gates } = (await bench.operator.rollout(id)).waves[0]!;
      const isFound = (gate: string, finding: string) =>
        gates.some((one) => one.gate === gate && one.finding === finding);
      return isFound("confidence", "better") && isFound("accuracy", "equal");
    }, "findings");
    await page.getByText(/^B is better: .* points of confidence gained against A/).waitFor();
    await page.getByText("no difference that matters").first().waitFor();
    await picture(page, "a-b");

    const late = await bench.devices(16, "late");
    gallery = { ...gallery, devices: [...devices, ...late] };
    await Promise.all(late.map((device) => device.update()));
    const drawn = late.filter(({ sequence }) => sequence === 2).length;
    expect(drawn).toBeGreaterThan(0);
    expect(drawn).toBeLessThan(late.length);
  }, 240_000);

  test("ends with the finding, and is promoted to the others", async () => {
    bench.aheadMs += 600_000;
    await page
      .getByText(/^measured: confidence: B is better/)
      .first()
      .waitFor();
    await page.getByRole("link", { name: "Promote…" }).click();
    // Those of part B have it.
    const rest = gallery.devices.filter(({ sequence }) => sequence === 1).length;
    await page.getByText(`${rest} devices would get it`).waitFor();
    await page.getByText(`${40 - rest} devices get nothing: runs this release already.`).waitFor();
    await page.getByRole("button", { name: `Start with ${rest} devices` }).click();
    await take(gallery.devices, 2);
    await state(bench.operator, "completed");
    expect(browser.faults).toEqual([]);
  }, 240_000);
});
