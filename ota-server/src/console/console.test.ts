import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DEFAULT_GATES } from "@mote/protocol";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TestDevice } from "../testing/device.js";
import { makeRelease } from "../testing/release.js";
import { TestBench } from "../testing/server.js";

/** The page in a real browser: Debian's chromium. */
const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

describe.skipIf(!existsSync(CHROMIUM))("the live page (needs chromium)", () => {
  let bench: TestBench;
  let browser: Browser;
  let page: Page;
  let devices: TestDevice[];
  const faults: string[] = [];

  beforeAll(async () => {
    bench = await TestBench.start();
    await bench.publishRoot();
    await bench.signers.publish(bench.operator, [makeRelease(1)], bench.now());
    devices = await bench.devices(6);
    await Promise.all(devices.map((device) => device.poll()));
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
    page = await browser.newPage();
    page.on("pageerror", (error) => faults.push(error.message));
    page.on("requestfailed", (request) => faults.push(request.url()));
    page.on("request", (request) => {
      if (new URL(request.url()).origin !== bench.server.url && !request.url().startsWith("data:")) {
        faults.push(`asks elsewhere: ${request.url()}`);
      }
    });
  });
  afterAll(async () => {
    await browser?.close();
    await Promise.all(devices.map((device) => device.disconnect()));
    await bench.close();
  });

  test("asks for a token first, and says when one is wrong", async () => {
    await page.goto(bench.server.url);
    await page.getByLabel("Token").fill("wrong");
    await page.keyboard.press("Enter");
    await page.getByText("unknown or revoked").waitFor();
    await page.getByLabel("Token").fill(readFileSync(join(bench.folder, "admin.token"), "utf8").trim());
    await page.keyboard.press("Enter");
    await page.locator(".device").nth(5).waitFor();
    expect(await page.locator(".device").count()).toBe(6);
  });

  test("shows versions change without a reload", async () => {
    await bench.operator.createRollout({
      product: "digits",
      version: "1.0.0",
      query: {},
      waves: [
        { name: "canary", count: 2, soakS: 3600 },
        { name: "everybody", share: 1, soakS: 0 },
      ],
      gates: DEFAULT_GATES,
      onFailure: "hold",
      preconditions: {},
      approvals: 0,
    });
    await page.getByText("canary", { exact: true }).waitFor();
    for (let i = 0; i < 20 && devices.filter((device) => device.sequence === 1).length < 2; i++) {
      await Promise.all(devices.map((device) => device.update()));
    }
    await page.locator(".device", { hasText: "1.0.0" }).nth(1).waitFor();
    await page.getByText("2 of 2 confirmed").first().waitFor();
  });

  test("takes a rollout's pause and end by keyboard alone, after asking", async () => {
    const press = async (name: string) => {
      await page.getByRole("button", { name, exact: true }).focus();
      await page.keyboard.press("Enter");
      await page.getByRole("button", { name: "Yes" }).focus();
      await page.keyboard.press("Enter");
    };
    await press("pause");
    await page.locator(".badge.is-paused").waitFor();
    await press("abort");
    await page.locator(".badge.is-aborted").waitFor();
    expect((await bench.operator.rollouts()).rollouts[0]!.state).toBe("aborted");
  });

  test("stages a rollout: previews to whom it goes, then starts it, and takes it back", async () => {
    await page.getByRole("button", { name: "New rollout" }).click();
    const start = page.getByRole("button", { name: "Start", exact: true });
    await page.getByLabel("First wave, devices").fill("3");
    await page.getByLabel("Second wave, % of all (0 for none)").fill("0");
    expect(await start.isDisabled()).toBe(true);
    await page.getByLabel("Hardware", { exact: true }).fill("no-such-board");
    await page.getByRole("button", { name: "Preview" }).click();
    await page.getByRole("heading", { name: "0 devices would get it" }).waitFor();
    await page.getByLabel("Hardware", { exact: true }).fill("gateway");
    // What was previewed is not what the form says now.
    expect(await start.isDisabled()).toBe(true);
    await page.getByRole("button", { name: "Preview" }).click();
    await page.getByRole("heading", { name: "6 devices would get it" }).waitFor();
    if (process.env["MOTE_SCREENSHOTS"] !== undefined)
      await page.screenshot({ path: join(process.env["MOTE_SCREENSHOTS"], "new-rollout.png") });
    await start.click();
    await page.locator(".badge.is-running").first().waitFor();
    const { rollouts } = await bench.operator.rollouts();
    expect(rollouts[0]!.plan).toMatchObject({
      query: { hardware: ["gateway"] },
      onFailure: "rollback-fleet",
      preconditions: { requireIdle: true, requireNoCriticalTask: true },
      waves: [{ count: 3 }, { share: 1 }],
    });
    await page.getByRole("button", { name: "abort", exact: true }).click();
    await page.getByLabel("Devices go back to what they ran before").check();
    await page.getByRole("button", { name: "Yes" }).click();
    await page.locator(".rollout").first().locator(".badge.is-rolled-back, .badge.is-aborted").waitFor();
  });

  test("names what waits for a person, and shows where a release comes from", async () => {
    await page.getByText("Nothing waits for you.").waitFor();
    await bench.operator.createRollout({
      ...(await bench.operator.rollouts()).rollouts[0]!.plan,
      approvals: 1,
    });
    await page.getByText("digits 1.0.0 waits for approval.").waitFor();
    await page.getByRole("button", { name: "digits 1.0.0" }).click();
    await page.getByRole("heading", { name: "Where it comes from" }).waitFor();
    await page.getByText("source model").waitFor();
    await page.keyboard.press("Escape");
  });

  test("shows the devices that are asked for", async () => {
    await page.getByLabel("Show devices by hardware or tag").fill("mcu");
    await page.keyboard.press("Enter");
    await page.locator(".device").first().waitFor({ state: "detached" });
    await page.getByLabel("Show devices by hardware or tag").fill("gateway");
    await page.keyboard.press("Enter");
    await page.locator(".device").nth(5).waitFor();
  });

  test("opens a device's life story", async () => {
    await page.locator(".device").first().click();
    await page.getByRole("heading", { name: "Telemetry by release" }).waitFor();
    await page.keyboard.press("Escape");
    expect(await page.locator("dialog#device").isVisible()).toBe(false);
  });

  test("fits a phone without scrolling sideways", async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    const overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
    expect(overflow).toBeLessThanOrEqual(0);
  });

  test("has met no fault, and has asked nobody but its server", () => {
    expect(faults.filter((fault) => !fault.endsWith("/api/v1/events"))).toEqual([]);
  });
});
